using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.Runtime;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Saved models keep the rules by which their texts became tokens and ended, and say where today's differ.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FormerRulesTests
{
    private readonly List<string> _warnings = [];
    private readonly MLContext _context = new();
    private readonly TemporaryFolder _folder = new();

    public FormerRulesTests() => _context.Log += (_, log) =>
    {
        if (log.Kind == ChannelMessageKind.Warning)
            _warnings.Add(log.RawMessage);
    };

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    public void Load_OfAModelThatRecordsNoRules_KeepsTheFirstAndWarnsOnce()
    {
        string model = Save(LettersBase("""{ "add_prefix_space": false }"""), former: true);
        using PrefixTuningTransformer loaded = Load(model);

        CollectionAssert.AreEqual((int[])[2, 3, 4], loaded.Session.Base.Tokenizer.Encode("ab"));
        Assert.Contains("keeps the rules that it was trained with: tokenizer_config.json: 'add_prefix_space' is false",
            _warnings.Single());

        _context.Model.SaveAtomically(loaded, null, _folder["again.zip"]);
        using PrefixTuningTransformer again = Load(_folder["again.zip"]);
        Assert.AreEqual(TextRules.First, again.Session.Base.Rules);
        Assert.HasCount(2, _warnings);
    }

    [TestMethod]
    public void Load_OfANewModel_HasTodaysRules()
    {
        string model = Save(LettersBase("""{ "add_prefix_space": false }"""), former: false);
        using PrefixTuningTransformer loaded = Load(model);

        CollectionAssert.AreEqual((int[])[3, 4], loaded.Session.Base.Tokenizer.Encode("ab"));
        Assert.IsEmpty(_warnings);
    }

    [TestMethod]
    public void Load_OfAFormerModelWithoutADifference_IsSilent()
    {
        using PrefixTuningTransformer loaded = Load(Save(LettersBase("{}"), former: true));

        CollectionAssert.AreEqual((int[])[2, 3, 4], loaded.Session.Base.Tokenizer.Encode("ab"));
        Assert.IsEmpty(_warnings);
    }

    [TestMethod]
    public void Load_BesideANewModelOfTheSameBase_EachHasItsRulesAndOneModel()
    {
        BaseModel baseModel = LettersBase("""{ "add_prefix_space": false }""");
        string former = Save(baseModel, former: true);
        using PrefixTuningTransformer today = Make(baseModel), loaded = Load(former);

        Assert.AreSame(today.Session.Base.Model, loaded.Session.Base.Model);
        CollectionAssert.AreEqual((int[])[3], today.Session.Base.Tokenizer.Encode("a"));
        CollectionAssert.AreEqual((int[])[2, 3], loaded.Session.Base.Tokenizer.Encode("a"));
    }

    [TestMethod]
    public void EndTokens_OfGguf_EndOfTurnEndsATextToday()
    {
        GgufBuilder file = GgufBuilder.LlamaWithTokenizer();
        file.Keys["tokenizer.ggml.eot_token_id"] = 1u;
        file.Keys["tokenizer.ggml.eom_token_id"] = uint.MaxValue;
        BaseModel baseModel = BaseModel.FromGguf(Write(file));
        string former = Save(baseModel, former: true);
        using PrefixTuningTransformer today = Make(baseModel), loaded = Load(former);

        CollectionAssert.AreEqual((int[])[2, 1], today.Session.Base.EndIds.ToArray());
        CollectionAssert.AreEqual((int[])[2], loaded.Session.Base.EndIds.ToArray());
        Assert.Contains("the tokens 1, which end a turn or a message, do not end a text", _warnings.Single());
    }

    [TestMethod]
    public void EndTokens_OfGgufWithoutAnEndToken_EndOfTurnStandsInForIt()
    {
        GgufBuilder file = GgufBuilder.LlamaWithTokenizer();
        file.Keys["tokenizer.ggml.eos_token_id"] = uint.MaxValue;
        file.Keys["tokenizer.ggml.eot_token_id"] = 1u;
        using PrefixTuningTransformer today = Make(BaseModel.FromGguf(Write(file)));

        CollectionAssert.AreEqual((int[])[1], today.Session.Base.Model.Spec.Tokens.Ends.ToArray());
    }

    [TestMethod]
    public void PreTokenizer_NamedToAGgufBase_IsKeptInTheSavedModel()
    {
        string path = Write(GgufBuilder.LlamaWithTokenizer(preTokenizer: null));
        var fault = Assert.ThrowsExactly<NotSupportedException>(() => Make(BaseModel.FromGguf(path)));
        Assert.Contains("BaseModel.FromGguf(path, preTokenizer) or --pre-tokenizer", fault.Message);

        using PrefixTuningTransformer loaded = Load(Save(BaseModel.FromGguf(path, "qwen2"), former: false));

        Assert.AreEqual("qwen2", loaded.Session.Base.Rules.PreTokenizer);
        Assert.IsEmpty(_warnings);
    }

    [TestMethod]
    public void EmbedBase_OfASplitFile_CarriesEveryPart()
    {
        string[] parts = GgufBuilder.LlamaWithTokenizer().WriteParts(_folder["split"], 3);
        string model = Save(BaseModel.FromGguf(parts[0]), former: false, embed: true);
        Array.ForEach(parts, File.Delete);

        using PrefixTuningTransformer loaded = Load(model);

        CollectionAssert.AreEqual((int[])[15, 4], loaded.Session.Base.Tokenizer.Encode("aba"));
    }

    [TestMethod]
    public void FromGguf_PreTokenizerThatIsNone_Refused()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => BaseModel.FromGguf("model.gguf", "llama3"));

        Assert.StartsWith(
            "expected a pre-tokenizer of 'gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'gpt-4o', 'dbrx', "
            + "'smaug-bpe', 'refact', found 'llama3'.", fault.Message);
    }

    private BaseModel LettersBase(string settings) => Letters.Base(_folder["letters"], settings);

    private string Write(GgufBuilder file)
    {
        File.WriteAllBytes(_folder["model.gguf"], file.Build().Bytes);
        return _folder["model.gguf"];
    }

    private string Save(BaseModel baseModel, bool former, bool embed = false)
    {
        string file = _folder[former ? "former.zip" : "model.zip"];
        using PrefixTuningTransformer model = Make(baseModel, embed);
        _context.Model.SaveAtomically(model, null, file);
        if (former)
            ModelArchive.ForgetRules(file);
        return file;
    }

    private PrefixTuningTransformer Make(BaseModel baseModel, bool embed = false) => _context.Transforms.Text
        .GenerateText("Output", "Input", baseModel, options: new TextGenerationOptions { EmbedBase = embed })
        .Fit(_context.Data.LoadFromEnumerable(TinyBase.Rows(1)));

    private PrefixTuningTransformer Load(string file) => (PrefixTuningTransformer)_context.Model.Load(file, out _);
}
