using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Banned words on a base whose tokenizer leaves some characters out, as that of T5 does with line ends.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GenerationRulesTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly string _folder = Directory.CreateTempSubdirectory("rule-maker-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void Make_OfABannedWordWithOneEmptySpelling_KeepsTheOther()
    {
        WriteBase(leftOut: "\n");
        using FrozenBase frozen = FrozenBase.Load(_folder, torch.float32, torch.CPU);
        GenerationRules rules = GenerationRules.Of(new GenerationOptions { BannedWords = ["\n"] },
            frozen.Model.Spec, frozen.Tokenizer, frozen.EndIds);
        CollectionAssert.AreEqual(frozen.Tokenizer.Encode(" "), rules.BannedSequences.Single());
    }

    [TestMethod]
    [DataRow("\n", @"\u000a")]
    [DataRow(" ", " ")]
    public void Fit_OfABannedWordWithoutTokens_IsRefusedBeforeTraining(string word, string quoted)
    {
        WriteBase(leftOut: "\n ");
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Generation = new GenerationOptions { BannedWords = ["pub", word] },
            Training = TinyBase.Quick.Training with { Progress = step => Assert.Fail("It trained.") },
        };
        var baseModel = BaseModel.FromFolder(_folder);
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        PrefixTuningEstimator tuning =
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", baseModel, options);
        TextGenerationEstimator writing = Context.Transforms.Text.GenerateText("Output", "Input", baseModel,
            options: new TextGenerationOptions { Generation = options.Generation });
        foreach (Action fit in (Action[])[() => tuning.Fit(data), () => writing.Fit(data)])
        {
            string message = Assert.ThrowsExactly<ArgumentException>(fit).Message;
            Assert.AreEqual(
                $"Generation.BannedWords: expected words that the base has tokens for, found '{quoted}', which has"
                    + " none. (Parameter 'options')", message);
        }
    }

    /// <summary>The tiny T5 with a tokenizer that leaves these characters out.</summary>
    private void WriteBase(string leftOut)
    {
        foreach (string path in Directory.EnumerateFiles(TinyBase.Folder("t5")))
            File.Copy(path, Path.Combine(_folder, Path.GetFileName(path)));
        string file = Path.Combine(_folder, "tokenizer.json");
        JsonNode tokenizer = JsonNode.Parse(File.ReadAllText(file))!;
        JsonNode[] normalizers = [.. leftOut.Select(character => new JsonObject
        {
            ["type"] = "Replace",
            ["pattern"] = new JsonObject { ["String"] = character.ToString() },
            ["content"] = "",
        })];
        tokenizer["normalizer"] =
            new JsonObject { ["type"] = "Sequence", ["normalizers"] = new JsonArray(normalizers) };
        File.WriteAllText(file, tokenizer.ToJsonString());
    }
}
