using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.Runtime;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>A prefix keeps the rules of texts that it was trained with over llama.cpp as well.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaRulesTests
{
    [TestMethod]
    public void By_OfRules_ReadsOneTokenizerForAllWhoAsk()
    {
        using var engine = new LlamaEngine(LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1));

        Assert.AreSame(engine.Tokenizer, engine.By(TextRules.Latest).Tokenizer);
        Assert.AreSame(engine.By(TextRules.First).Tokenizer, engine.By(TextRules.First).Tokenizer);
    }

    [TestMethod]
    public void Fit_OfAPrefixOfFormerRules_WarnsAsItDoesWithoutLlamaCpp()
    {
        using var folder = new TemporaryFolder();
        GgufBuilder file = GgufBuilder.LlamaWithTokenizer();
        file.Keys["tokenizer.ggml.eot_token_id"] = 1u;
        File.WriteAllBytes(folder["model.gguf"], file.Build().Bytes);
        var one = new LlamaCase(folder["model.gguf"]);
        Prefix prefix = one.Random(2).MadeFor(null, TextRules.First.ToText());
        var warnings = new List<string>();
        var context = new MLContext();
        context.Log += (_, log) =>
        {
            if (log.Kind == ChannelMessageKind.Warning)
                warnings.Add(log.RawMessage);
        };
        IDataView rows = context.Data.LoadFromEnumerable([new Row { Input = "a" }]);

        using PrefixTuningTransformer own =
            context.Transforms.Text.GenerateText("Output", "Input", one.Model, prefix, LlamaCase.OneThread).Fit(rows);
        using PrefixTuningTransformer other = context.Transforms.Text.GenerateTextWithLlamaCpp("Output", "Input",
            one.Model, prefix, LlamaCase.OneThread, LlamaCase.Exact).Fit(rows);

        Assert.HasCount(2, warnings);
        Assert.Contains("the tokens 1, which end a turn or a message, do not end a text", warnings[1]);
        Assert.AreEqual(warnings[0], warnings[1]);
    }

    private sealed class Row
    {
        public string Input { get; set; } = "";
    }
}
