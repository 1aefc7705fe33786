using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Broken and odd GGUF files, each with one thing wrong: refused as promised, or loaded.</summary>
[TestClass]
public sealed class GgufHostileTests
{
    private const long AllocationLimit = 8 << 20;

    // Wrong in the vocabulary only, which loading the weights does not read.
    private static readonly string[] VocabularyCases =
        ["gguf-vocabulary-short", "gguf-token-types", "gguf-tokens-twice", "gguf-tokenizer-unknown", "gguf-no-tokens"];

    internal static IReadOnlyCollection<Type> Documented { get; } =
    [
        typeof(FormatException), typeof(InvalidDataException), typeof(NotSupportedException), typeof(FileNotFoundException),
        typeof(DirectoryNotFoundException), typeof(IOException), typeof(ArgumentException), typeof(InvalidOperationException),
    ];

    public static IEnumerable<object[]> Refused => Cases("reject");

    public static IEnumerable<object[]> Accepted => Cases("accept");

    [TestMethod]
    public void Cases_OnThisMachine_AreThere() => Fixtures.Require(Fixtures.Hostile);

    [TestMethod]
    [DynamicData(nameof(Refused))]
    public void Load_BrokenFile_IsRefusedByName(string id)
    {
        using JsonDocument cases = Read();
        JsonElement wrong = cases.RootElement.EnumerateArray().Single(item => item.GetProperty("id").GetString() == id);
        string path = Path.Combine(Fixtures.Hostile!, wrong.GetProperty("path").GetString()!);
        string[] words = wrong.GetProperty("words").EnumerateArray().Select(word => word.GetString()!).ToArray();
        long tensors = Tensor.TotalCount, allocated = GC.GetTotalAllocatedBytes(precise: true), start = Stopwatch.GetTimestamp();
        Exception? fault = null;
        try
        {
            FrozenBase.Load(path, ScalarType.Float32, CPU).Dispose();
        }
        catch (Exception thrown) when (Documented.Contains(thrown.GetType()))
        {
            fault = thrown;
        }
        Assert.IsNotNull(fault, $"{wrong.GetProperty("wrong")}: expected a refusal, found none");
        Assert.IsLessThan(2, Stopwatch.GetElapsedTime(start).TotalSeconds, "seconds");
        Assert.IsLessThan(new FileInfo(path).Length + AllocationLimit, GC.GetTotalAllocatedBytes(precise: true) - allocated);
        Assert.AreEqual(tensors, Tensor.TotalCount, "tensors left");
        Assert.IsTrue(words.Any(word => fault.Message.Contains(word, StringComparison.OrdinalIgnoreCase)),
            $"'{fault.Message}' has none of: {string.Join(", ", words)}");
        Assert.Contains(Path.GetFileName(path), fault.Message);
    }

    [TestMethod]
    [DynamicData(nameof(Accepted))]
    public void Load_OddFile_RunsToFiniteLogits(string id)
    {
        using JsonDocument cases = Read();
        JsonElement odd = cases.RootElement.EnumerateArray().Single(item => item.GetProperty("id").GetString() == id);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FrozenBase frozen = FrozenBase.Load(Path.Combine(Fixtures.Hostile!, odd.GetProperty("path").GetString()!), ScalarType.Float32, CPU);
        Tensor logits = LogitsTests.Run(frozen.Model, [[1, 2, 3, 4]], prefix: null);
        Assert.IsTrue(logits.isfinite().all().item<bool>());
    }

    private static IEnumerable<object[]> Cases(string expected)
    {
        if (Fixtures.Hostile is null)
            return [];
        using JsonDocument cases = Read();
        return cases.RootElement.EnumerateArray()
            .Where(item => item.GetProperty("kind").GetString() == "gguf" && item.GetProperty("expect").GetString() == expected)
            .Select(item => item.GetProperty("id").GetString()!)
            .Except(VocabularyCases).Select(id => new object[] { id }).ToArray();
    }

    private static JsonDocument Read() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Hostile!, "cases.json")));
}
