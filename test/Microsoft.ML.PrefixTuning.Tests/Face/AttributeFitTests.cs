using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Face.Tones;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Trainings of one prefix an attribute value, together or apart.</summary>
[TestClass]
public sealed class AttributeFitTests
{
    private static TemporaryFolder s_withBegin = null!;

    [ClassInitialize]
    public static void MakeBase(TestContext _) => s_withBegin = TinyBase.CopyWithBeginToken();

    [ClassCleanup]
    public static void Free() => s_withBegin.Dispose();

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Fit_FromText_StartsEachPartFromColumnAndValue(bool withBegin)
    {
        var untrained = Quick with { Training = Quick.Training with { MaxSteps = 1, LearningRate = 1e-12 } };
        using PrefixTuningTransformer model =
            Fit(untrained with
            {
                Prefix = new PrefixOptions
                {
                    Length = 6,
                    Start = PrefixStart.FromText("a b c d e f")
                }
            }, baseModel: Base(withBegin));
        PretrainedTokenizer tokenizer = model.Session.Base.Tokenizer;
        Assert.HasCount(withBegin ? 1 : 0, tokenizer.Prologue);
        LanguageModel ofBase = model.Session.Base.Model;
        foreach ((string tone, Prefix prefix) in model.Prefixes)
        {
            Assert.AreEqual(withBegin, prefix.Convention.HoldsBeginToken);
            int begin = tokenizer.Prologue.Count;
            int[] text = [.. tokenizer.Encode("a b c d e f").Take(2 - begin),
                .. PrefixInitializer.Fit([], tokenizer.Encode($" Tone: {tone}."), 4)];
            Prefix expected = PrefixInitializer.Make(new StartRequest
            {
                Model = ofBase,
                Start = PrefixStart.FromText("ignored"),
                Sites = [AttentionSite.Decoder],
                Length = 6,
                Convention = prefix.Convention,
                Text = text,
                Opening = tokenizer.Prologue,
            });
            float[] values = prefix.Parts[AttentionSite.Decoder].Values,
                wanted = expected.Parts[AttentionSite.Decoder].Values;
            Assert.IsLessThan(1e-5f, values.Zip(wanted, (value, other) => MathF.Abs(value - other)).Max(), tone);
        }
    }

    [TestMethod]
    [DataRow("calm")]
    [DataRow("loud")]
    [DataRow("odd")]
    public void Fit_OfAttributes_LowersTheLossOfEachValue(string tone)
    {
        IDataView ofTone = Context.Data.LoadFromEnumerable(ToneRows(30).Where(row => row.Tone == tone));
        using PrefixTuningTransformer model = Fit(Quick with { ValidationSet = ofTone });
        TrainingSummary summary = model.TrainingSummary!;
        Assert.IsLessThan(summary.StartLoss - 0.1, summary.ValidationLosses[^1].Loss,
            $"{tone}: from {summary.StartLoss}");
    }

    [TestMethod]
    public void Fit_OfBadAttributes_NamesTheRow()
    {
        ToneRow[] rows = ToneRows(6).ToArray();
        rows[4] = rows[4] with { Tone = "" };
        Assert.AreEqual("Row 5 (the first is 1), column 'Tone': expected a value, found an empty text.",
            Assert.ThrowsExactly<ArgumentException>(() => Fit(Quick, rows)).Message);
        var unseen = Quick with { ValidationSet = View([new ToneRow { Input = "a", Label = "b", Tone = "new" }]) };
        Assert.AreEqual(
            "ValidationSet: Row 1 (the first is 1), column 'Tone': expected one of 'calm', 'loud', 'odd', found 'new'.",
            Assert.ThrowsExactly<ArgumentException>(() => Fit(unseen)).Message);
    }

    [TestMethod]
    public void Fit_OfSingleValue_GivesOnePrefix()
    {
        using PrefixTuningTransformer model = Fit(Quick with { UnseenAttribute = UnseenAttribute.UseSharedPart },
            ToneRows(9).Where(row => row.Tone == "odd"));
        CollectionAssert.AreEqual(new[] { "odd" }, model.Prefixes.Keys.ToArray());
        Assert.AreEqual(6, model.Prefixes["odd"].Length);
        Assert.AreEqual(2, model.Prefix!.Length);
    }

    [TestMethod]
    public void Fit_WithRareValue_NeverHoldsItsOnlyRowOut()
    {
        IEnumerable<ToneRow> rows =
            ToneRows(9).Select((row, index) => row with { Tone = index < 8 ? $"{index}" : "7" });
        using PrefixTuningTransformer model =
            Fit(Quick with { Training = Quick.Training with { MaxSteps = 1, ValidationFraction = 0.9 } }, rows);
        Assert.AreEqual(8, model.TrainingSummary!.TrainingRows);
        Assert.AreEqual(1, model.TrainingSummary.ValidationRows);
    }

    [TestMethod]
    public void Fit_OfAttributesOnEncoderDecoder_WritesTextOfEach()
    {
        using PrefixTuningTransformer model = Context.Transforms.Text.PrefixTune("Output", "Input", "Label",
            TinyBase.T5, Quick with { Training = Quick.Training with { Averaging = 0 } }).Fit(View(ToneRows(12)));
        Assert.HasCount(3, model.Prefixes["calm"].Sites);
        Assert.IsGreaterThan(1, Texts(model, ToneRows(3).Select(row => row with { Input = "name : Venue" })).Distinct()
            .Count());
    }

    private static BaseModel Base(bool withBegin) =>
        withBegin ? BaseModel.FromFolder(s_withBegin.Path) : TinyBase.Llama;
}
