using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What the generation_config.json of an encoder-decoder base says of its texts, through the face.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GenerationConfigTests
{
    [TestMethod]
    public void Tokens_OfMinusOne_AreNone()
    {
        ModelConfig config = ModelConfig.Parse("""{ "bos_token_id": -1, "eos_token_id": [-1, 3] }"""u8, "config.json");

        Assert.IsEmpty(config.Ids("bos_token_id", 10));
        CollectionAssert.AreEqual(new[] { 3 }, config.Ids("eos_token_id", 10).ToArray());
        Assert.ThrowsExactly<FormatException>(() => config.Ids("eos_token_id", 3));
    }

    private static readonly MLContext Context = new(seed: 1);

    private readonly string _folder = Directory.CreateTempSubdirectory("generation-config-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow("{}", null, null, null, null, 0, 128)]
    [DataRow("""{ "forced_bos_token_id": 5, "forced_eos_token_id": 6 }""", null, null, 5, 6, 0, 128)]
    [DataRow("""{ "forced_bos_token_id": null, "forced_eos_token_id": [7, 8] }""", null, null, null, 7, 0, 128)]
    [DataRow("""{ "min_length": 12, "max_length": 62 }""", null, null, null, null, 11, 61)]
    [DataRow("""{ "min_length": 0, "max_length": 2 }""", null, null, null, null, 0, 1)]
    [DataRow("""{ "min_new_tokens": 3, "max_new_tokens": 9, "min_length": 12, "max_length": 62 }""", null, null, null,
        null, 3, 9)]
    [DataRow("""{ "min_length": 12, "max_length": 62 }""", null, 8, null, null, 8, 8)]
    [DataRow("""{ "min_length": 12, "max_length": 62 }""", 0, 200, null, null, 0, 200)]
    [DataRow("""{ "min_length": 12, "max_length": 62 }""", null, int.MaxValue, null, null, 11, 1 << 20)]
    [DataRow("""{ "max_new_tokens": 16777216 }""", null, null, null, null, 0, 1 << 20)]
    public void Rules_OfAnEncoderDecoderBase_AreTheOptionsThenTheBases(string config, int? least, int? most, int? first,
        int? last, int min, int max)
    {
        using FrozenBase frozen = FrozenBase.Load(Base("t5", config), torch.float32, torch.CPU);
        GenerationRules rules =
            Rules(new GenerationOptions { MinNewTokens = least, MaxNewTokens = most }, frozen);
        Assert.AreEqual((first, last, min, max),
            (rules.ForcedFirstId, rules.ForcedLastId, rules.MinNewTokens, rules.MaxNewTokens));
    }

    [TestMethod]
    public void Lengths_OfMoreTokensThanTheBasesTextsHave_AreRefused()
    {
        using FrozenBase frozen = FrozenBase.Load(Base("t5", """{ "max_length": 10 }"""), torch.float32, torch.CPU);
        var options = new GenerationOptions { MinNewTokens = 12 };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => GenerationRules.Lengths(options, frozen.Model.Spec));
        StringAssert.StartsWith(fault.Message,
            "Generation.MinNewTokens: expected 0 to 9, the most where MaxNewTokens is null, found 12.");
    }

    [TestMethod]
    public void Identity_OfABaseWithOtherLengthsAndTokens_IsTheSame()
    {
        using FrozenBase frozen =
            FrozenBase.Load(Base("t5",
            """{ "max_length": 10, "forced_bos_token_id": 5, "decoder_start_token_id": 3 }"""), torch.float32,
            torch.CPU);
        using BaseLease plain = TinyBase.Hold("t5");
        Assert.IsNull(plain.Base.Identity.Difference(frozen.Identity));
    }

    [TestMethod]
    public void Rules_OfADecoderOnlyBase_AreTheOptionsAlone()
    {
        using FrozenBase frozen =
            FrozenBase.Load(Base("llama", """{ "forced_bos_token_id": 5, "max_length": 9, "min_length": 3 }"""),
            torch.float32, torch.CPU);
        GenerationRules rules = Rules(new GenerationOptions(), frozen);
        Assert.AreEqual((null, null, 0, 128),
            (rules.ForcedFirstId, rules.ForcedLastId, rules.MinNewTokens, rules.MaxNewTokens));
    }

    [TestMethod]
    public void Texts_OfABaseWithForcedTokensAndLengths_HaveThem()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(TinyBase.Folder("t5"), 1 << 20);
        int first = tokenizer.Encode("pub")[^1], last = tokenizer.Encode("food")[^1];
        string opening = tokenizer.Decode([first]).Trim(), ending = tokenizer.Decode([last]).Trim();
        string folder =
            Base("t5", $$"""{ "forced_bos_token_id": {{first}}, "forced_eos_token_id": {{last}}, "min_length": 8, "max_length": 8 }""");
        using PrefixTuningTransformer model =
            Context.Transforms.Text.GenerateText("Output", "Input", BaseModel.FromFolder(folder))
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
        foreach (string text in TinyBase.Texts(Context, model, TinyBase.Rows(3)).Select(text => text.Trim()))
        {
            Assert.StartsWith(opening, text);
            Assert.EndsWith(ending, text);
        }
    }

    [TestMethod]
    [DataRow("{}", false)]
    [DataRow("""{ "forced_bos_token_id": 5 }""", true)]
    public void Targets_OfABaseWithAForcedFirstToken_BeginWithIt(string config, bool forced)
    {
        using FrozenBase frozen = FrozenBase.Load(Base("t5", config), torch.float32, torch.CPU);
        var encoder = new RowEncoder(frozen.Tokenizer, frozen.Model.Spec, null, "Input", default);
        int[] expected = [.. frozen.Tokenizer.Encode("a pub"), frozen.Model.Spec.Tokens.Ends[0]];
        CollectionAssert.AreEqual(forced ? [5, .. expected] : expected, encoder.Target("a pub", out _, out _));
    }

    private string Base(string name, string changes)
    {
        string folder = Path.Combine(_folder, name), file = Path.Combine(folder, "generation_config.json");
        Directory.CreateDirectory(folder);
        foreach (string path in Directory.EnumerateFiles(TinyBase.Folder(name)))
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (var (key, value) in JsonNode.Parse(changes)!.AsObject())
            config[key] = value?.DeepClone();
        File.WriteAllText(file, config.ToJsonString());
        return folder;
    }

    private static GenerationRules Rules(GenerationOptions options, FrozenBase frozen) =>
        GenerationRules.Of(options, frozen.Model.Spec, frozen.Tokenizer, frozen.EndIds);
}
