using System;
using System.IO;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Sweeps;

/// <summary>A sweep that goes on has all its runs read texts by the same rules.</summary>
[TestClass]
public sealed class SweepRulesTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Sweep_OfABaseThatFormerRulesReadOtherwise_DoesNotGoOnWithThoseOfFormerOnes()
    {
        PrefixSweep sweep = Sweep(BaseWithANormalizedToken());
        Run(sweep);
        string file = Path.Combine(sweep.Folder, SweepFolder.ManifestName);
        SweepManifest manifest = SweepFolder.ReadManifest(file);
        Assert.Contains("text rules: 4\n", manifest.Identity);
        Run(sweep);

        string former = manifest.Identity.Replace("text rules: 4\n", "", StringComparison.Ordinal);
        File.WriteAllBytes(file, SweepFolder.Bytes(manifest with { Identity = former }));
        Assert.Contains("text rules: there nothing, now 4",
            Assert.ThrowsExactly<InvalidOperationException>(() => Run(sweep)).Message);
    }

    [TestMethod]
    public void Sweep_OfABaseThatAllRulesReadAlike_HasNoWordOfThem()
    {
        PrefixSweep sweep = Sweep(TinyBase.Llama);
        Run(sweep);
        Assert.DoesNotContain("text rules",
            SweepFolder.ReadManifest(Path.Combine(sweep.Folder, SweepFolder.ManifestName)).Identity);
    }

    [TestMethod]
    [DataRow(1, 1, 1)]
    [DataRow(3, 1, 3)]
    [DataRow(2, 3, 3)]
    [DataRow(4, 3, 4)]
    public void FirstAlike_OfVersions_IsTheFirstOfThoseThatAreReadAsToday(int alikeFrom, int least, int expected)
    {
        Assert.AreEqual(expected,
            PrefixRules.FirstAlike(TextRules.Latest, least, rules => rules.Version < alikeFrom));
        Assert.AreEqual(expected, PrefixRules.FirstAlike(TextRules.Latest, least, rules =>
            rules.Version < alikeFrom ? throw new NotSupportedException() : false));
    }

    // Composition may touch the token, which is looked for behind it since the fourth rules.
    private BaseModel BaseWithANormalizedToken()
    {
        string path = Path.Combine(_folder.Path, "base");
        Directory.CreateDirectory(path);
        foreach (string file in Directory.EnumerateFiles(TinyBase.Folder("llama")))
            File.Copy(file, Path.Combine(path, Path.GetFileName(file)));
        string tokenizer = Path.Combine(path, "tokenizer.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(tokenizer))!;
        root["normalizer"] = new JsonObject { ["type"] = "NFC" };
        root["added_tokens"]!.AsArray().Add(new JsonObject
        {
            ["id"] = 400,
            ["content"] = "<t>",
            ["special"] = false,
            ["normalized"] = true,
        });
        File.WriteAllText(tokenizer, root.ToJsonString());
        return BaseModel.FromFolder(path);
    }

    private PrefixSweep Sweep(BaseModel baseModel) => new()
    {
        OutputColumnName = "Output",
        InputColumnName = "Input",
        LabelColumnName = "Label",
        BaseModel = baseModel,
        Candidates =
        [
            new SweepCandidate("one", TinyBase.Quick with
            {
                Training = TinyBase.Quick.Training with { ValidationFraction = 0.2 },
            }),
        ],
        Folder = Path.Combine(_folder.Path, "sweep"),
        TextCount = 1,
    };

    private static void Run(PrefixSweep sweep)
    {
        var context = new MLContext(seed: 1);
        context.TextGeneration.Sweep(context.Data.LoadFromEnumerable(TinyBase.Rows(24)), sweep);
    }
}
