using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Tokenizer files in which one thing is wrong or odd, and rows of odd text.</summary>
[TestClass]
[TestCategory("Hostile")]
public sealed class TokenizerHostileTests
{
    private const int Rows = 300;
    private const string Text = "The Eagle: Quay 7, a <b>.";
    private const string Settings =
        """{ "tokenizer_class": "A", "add_bos_token": true, "bos_token": { "content": "<|im_start|>" }, "eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_end|>"], "extra_ids": 0, "add_prefix_space": false, "added_tokens_decoder": { "0": { "content": "<|endoftext|>", "special": true, "lstrip": false } } }""";
    private static readonly string[] Replacements = ["null", "{}", "[]", "\"\"", "\"\\ud800\"", "-1", "1e999", "true",
        "99999999999999999999", "[[1]]", "{\"\\ud800\":1}", "\"x\""];
    private const long AllocationBeyondTheFiles = 8 << 20;
    private const double MostSeconds = 2;

    public static IEnumerable<object[]> Tokenizers => Cases("tokenizer");

    public static IEnumerable<object[]> Data => Cases("data");

    [TestMethod]
    [DynamicData(nameof(Tokenizers))]
    public void FromFolder_HostileCase_AsExpected(string id)
    {
        JsonElement entry = Case(id);
        string folder = PathOf(entry.GetProperty("path").GetString()!);
        long bytes = new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        double start = OwnTime.Now();
        Exception? fault = null;
        PretrainedTokenizer? tokenizer = null;
        try
        {
            tokenizer = PretrainedTokenizer.FromFolder(folder, Rows);
        }
        catch (Exception found)
        {
            fault = found;
        }

        Assert.IsLessThan(MostSeconds, OwnTime.Now() - start);
        Assert.IsLessThan(bytes + AllocationBeyondTheFiles, GC.GetAllocatedBytesForCurrentThread() - before);
        if (entry.GetProperty("expect").GetString() == "accept")
        {
            Assert.IsNull(fault, fault?.Message);
            Assert.AreEqual(Text, tokenizer!.Decode(tokenizer.Encode(Text)));
            return;
        }
        Assert.IsNotNull(fault, "expected a refusal");
        Assert.IsTrue(fault is FormatException or NotSupportedException or FileNotFoundException, fault.ToString());
        StringAssert.Contains(fault.Message, entry.GetProperty("file").GetString());
        Assert.IsTrue(entry.GetProperty("words").EnumerateArray()
            .Any(word => fault.Message.ToLowerInvariant().Contains(word.GetString()!)), fault.Message);
    }

    [TestMethod]
    [DynamicData(nameof(Data))]
    public void Encode_OddRow_IdsOfPlainText(string id)
    {
        JsonElement entry = Case(id);
        PretrainedTokenizer tokenizer =
            PretrainedTokenizer.FromFolder(PathOf(entry.GetProperty("base").GetString()!), Rows);
        string[] sources = File.ReadAllLines(PathOf(entry.GetProperty("path").GetString()!)).Select(Source).ToArray();
        int[][]? expected = entry.TryGetProperty("plain_ids", out JsonElement rows)
            ? rows.EnumerateArray().Select(row => row.EnumerateArray().Select(token => token.GetInt32()).ToArray())
                .ToArray() : null;

        for (int row = 0; row < sources.Length; row++)
        {
            double start = OwnTime.Now();
            int[] ids = tokenizer.Encode(sources[row], out int lost);
            Assert.IsLessThan(MostSeconds, OwnTime.Now() - start);
            if (expected is not null)
                CollectionAssert.AreEqual(expected[row], ids, $"row {row}");
            if (lost == 0 && id != "data-lone-surrogate")
                Assert.AreEqual(sources[row], tokenizer.Decode(ids), $"row {row}");
            else if (lost > 0)
                Assert.AreEqual("data-byte-missing", id);
        }
    }

    // The same few values stand in for any field: the reader must say what it misses, whatever stands there instead.
    [TestMethod]
    [DataRow("gpt2", "tokenizer.json")]
    [DataRow("llama-sentencepiece", "tokenizer.json")]
    [DataRow("gpt2", "vocab.json")]
    [DataRow("smollm", "tokenizer_config.json")]
    public void FromFolder_MutatedJson_ReadOrRefused(string folder, string file)
    {
        using var copy = new TemporaryFolder();
        string source = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder);
        foreach (string other in file == "vocab.json" ? (string[])["vocab.json", "merges.txt"] : ["tokenizer.json"])
            File.Copy(Path.Combine(source, other), copy[other]);
        string path = copy[file];
        string good = File.Exists(path) ? File.ReadAllText(path) : Settings;
        var random = new Random(3);
        for (int i = 0; i < 150; i++)
        {
            File.WriteAllText(path, Mutate(good, random));
            try
            {
                PretrainedTokenizer.FromFolder(copy.Path, 1000).Encode(Text);
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
                StringAssert.Contains(fault.Message, file);
            }
        }
    }

    private static string Mutate(string json, Random random)
    {
        JsonNode root = JsonNode.Parse(json)!;
        JsonNode node = root;
        // Down by a random number of steps, so that fields near the top have their turn among the tokens.
        for (int depth = random.Next(1, 5); depth > 0; depth--)
        {
            JsonNode?[] children = node is JsonObject fields ? [.. fields.Select(field => field.Value)]
                : node is JsonArray items ? [.. items] : [];
            if (children.Length == 0 || children[random.Next(children.Length)] is not { } child)
                break;
            node = child;
        }
        string marker = Guid.NewGuid().ToString();
        if (node == root)
            return random.Next(2) == 0 ? "[]" : "{}";
        node.ReplaceWith(marker);
        return root.ToJsonString()
            .Replace($"\"{marker}\"", Replacements[random.Next(Replacements.Length)], StringComparison.Ordinal);
    }

    // The reader of JSON refuses half a surrogate pair; the rows hold some.
    private static string Source(string line)
    {
        string escaped = Regex.Match(line, "\"source\":\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").Groups[1].Value;
        return Regex.Replace(escaped, @"\\(u([0-9a-fA-F]{4})|.)", match => match.Groups[2].Success
            ? ((char)Convert.ToInt32(match.Groups[2].Value, 16)).ToString()
            : match.Groups[1].Value switch
            {
                "n" => "\n",
                "r" => "\r",
                "t" => "\t",
                "b" => "\b",
                "f" =>
                "\f",
                var other => other
            });
    }

    private static IEnumerable<object[]> Cases(string kind) => Fixtures.Hostile is null ? []
        : All().Where(entry => entry.GetProperty("kind").GetString() == kind)
            .Select(entry => new object[] { entry.GetProperty("id").GetString()! });

    private static JsonElement Case(string id) => All().Single(entry => entry.GetProperty("id").GetString() == id);

    private static IEnumerable<JsonElement> All() =>
        JsonElement.Parse(File.ReadAllBytes(PathOf("cases.json"))).EnumerateArray();

    private static string PathOf(string path) => Path.Combine(Fixtures.Require(Fixtures.Hostile), path);
}
