using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.Runtime;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A prefix that travels without its model keeps the rules by which its texts became tokens.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixRulesTests
{
    private const string NoSpace = """{ "add_prefix_space": false }""";

    // Of "ab" by the first rules, which pass over that setting, and by today's.
    private static readonly int[] s_first = [2, 3, 4], s_today = [3, 4];

    private readonly List<string> _warnings = [];
    private readonly MLContext _context = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public PrefixRulesTests() => _context.Log += (_, log) =>
    {
        if (log.Kind == ChannelMessageKind.Warning)
            _warnings.Add(log.RawMessage);
    };

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    public void Save_OfATrainedPrefix_RecordsItsRules()
    {
        BaseModel baseModel = Base(NoSpace);
        using PrefixTuningTransformer trained = _context.Transforms.Text
            .PrefixTune("Output", "Input", "Label", baseModel, TinyBase.Quick)
            .Fit(_context.Data.LoadFromEnumerable(Enumerable.Repeat(new FaceRow { Input = "ab", Label = "c" }, 8)));
        trained.Prefix!.Save(_folder["prefix"]);
        StringAssert.Contains(File.ReadAllText(_folder["prefix"], Encoding.Latin1), "\"text_rules\":\"4\"");
        _warnings.Clear();

        Assert.AreEqual("4", Prefix.Load(_folder["prefix"]).Rules);
        CollectionAssert.AreEqual(s_today, Ids(baseModel, Prefix.Load(_folder["prefix"])));
        Assert.IsEmpty(_warnings);
    }

    [TestMethod]
    [DataRow(NoSpace, true)]
    [DataRow("{}", false)]
    public void GenerateText_WithAFileThatNamesNoBase_GoesByTheFirstRulesAndWarnsWhereTodaysDiffer(string settings,
        bool isWarned)
    {
        BaseModel baseModel = Base(settings);
        Make(baseModel, rules: null, isNamed: false).Save(_folder["prefix"]);

        CollectionAssert.AreEqual(s_first, Ids(baseModel, Prefix.Load(_folder["prefix"])));
        if (isWarned)
        {
            Assert.StartsWith("A prefix keeps the rules that it was trained with: tokenizer_config.json:"
                + " 'add_prefix_space' is false", _warnings.Single());
        }
        else
        {
            Assert.IsEmpty(_warnings);
        }
    }

    [TestMethod]
    public async Task CreateGenerator_WithAFormerPrefix_GoesByItsRules()
    {
        BaseModel baseModel = Base(NoSpace);
        Assert.AreEqual(await PromptTokens("2") + 1, await PromptTokens("1"));

        async Task<int> PromptTokens(string rules)
        {
            using TextGenerator generator = baseModel.CreateGenerator(
                new Dictionary<string, Prefix> { ["own"] = Make(baseModel, rules) });
            var request = new TextRequest { Text = "ab", Prefix = "own", Generation = new() { MaxNewTokens = 1 } };
            return (await generator.GenerateAsync(request)).PromptTokens;
        }
    }

    [TestMethod]
    public void Prefix_OfAModelThatRecordsNoRules_HasTheFirst()
    {
        SavedModelEntry former = SavedModelFile.Read(
            Path.Combine(AppContext.BaseDirectory, "SavedModels", "00010001.zip"))[0];
        Assert.AreEqual("1", former.Prefixes.ForOthers!.Rules);
    }

    [TestMethod]
    public void GenerateText_WithPrefixesOfSeveralRules_IsRefusedWhereTheyDiffer()
    {
        BaseModel differs = Base(NoSpace);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Ids(differs, Make(differs, "1"), Make(differs, "2"), Make(differs, null)));
        Assert.EndsWith("found '1' and '4'.", fault.Message);

        BaseModel alike = Base("{}");
        CollectionAssert.AreEqual(s_first, Ids(alike, Make(alike, "1"), Make(alike, "2"), Make(alike, null)));
    }

    [TestMethod]
    public void GenerateText_WithAPrefixOfANamedPreTokenizer_GoesByIt()
    {
        File.WriteAllBytes(_folder["model.gguf"],
            GgufBuilder.LlamaWithTokenizer(preTokenizer: null).Build().Bytes);
        Prefix prefix = Make(BaseModel.FromGguf(_folder["model.gguf"], "qwen2"), "2 qwen2");
        prefix.Save(_folder["prefix"]);
        prefix = Prefix.Load(_folder["prefix"]);

        using PrefixTuningTransformer model = Fit(BaseModel.FromGguf(_folder["model.gguf"]), prefix);
        Assert.AreEqual(TextRules.Latest with { PreTokenizer = "qwen2" }, model.Session.Base.Rules);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Fit(BaseModel.FromGguf(_folder["model.gguf"], "llama-bpe"), prefix));
        Assert.EndsWith("expected the pre-tokenizer 'qwen2', by which the prefix was trained, found 'llama-bpe'.",
            fault.Message);
    }

    [TestMethod]
    [DataRow("5", typeof(NotSupportedException), "found version 5, the newest that is known here is 4.")]
    [DataRow("new", typeof(FormatException), "expected a version from 1, found 'new'.")]
    public void GenerateText_WithRulesThatAreNotKnown_IsRefused(string rules, Type kind, string words)
    {
        BaseModel baseModel = Base("{}");
        Exception fault = Assert.Throws<Exception>(() => Ids(baseModel, Make(baseModel, rules)));
        Assert.IsInstanceOfType(fault, kind);
        Assert.AreEqual("Prefix: text rules: " + words, fault.Message);
    }

    [TestMethod]
    public void SaveAsPeft_OfAPrefixByFormerRules_IsRefusedWhereTodaysDiffer()
    {
        BaseModel baseModel = Base(NoSpace);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Make(baseModel, "1").SaveAsPeft(_folder["adapter"], baseModel));
        Assert.Contains("found former ones: tokenizer_config.json: 'add_prefix_space' is false", fault.Message);
        Assert.IsFalse(Directory.Exists(_folder["adapter"]));
    }

    private BaseModel Base(string settings) => Letters.Base(_folder["letters"], settings);

    /// <summary>A prefix of zeros.</summary>
    private static Prefix Make(BaseModel baseModel, string? rules, bool isNamed = true)
    {
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, float32, CPU, baseModel.Rules);
        SiteShape shape = SiteShape.Of(lease.Base.Model.Spec, AttentionSite.Decoder, 2);
        return new Prefix([KeyValuePair.Create(AttentionSite.Decoder, shape.With(new float[shape.Count]))],
            PrefixConvention.Peft).MadeFor(isNamed ? lease.Base.Identity : null, rules);
    }

    private PrefixTuningTransformer Fit(BaseModel baseModel, params Prefix[] prefixes)
    {
        TextGenerationEstimator estimator = prefixes.Length == 1
            ? _context.Transforms.Text.GenerateText("Output", "Input", baseModel, prefixes[0])
            : _context.Transforms.Text.GenerateText("Output", "Input", baseModel,
                prefixes.Select((prefix, number) => KeyValuePair.Create($"{number}", prefix)).ToDictionary(), "Label");
        return estimator.Fit(_context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
    }

    private int[] Ids(BaseModel baseModel, params Prefix[] prefixes)
    {
        using PrefixTuningTransformer model = Fit(baseModel, prefixes);
        return model.Session.Base.Tokenizer.Encode("ab");
    }
}
