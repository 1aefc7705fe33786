using System;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What a training tells about itself, also after its model was saved.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingSummaryTests
{
    private const string Plain =
        "The river rises in the hills and runs for many miles through fields before it meets the sea .";

    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void Report_OfALoadedModel_IsThatOfTheTrainedOne()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = TinyBase.Fit(Context, With(Plain));
        Context.Model.Save(model, null, folder["model.zip"]);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        TrainingSummary trained = model.TrainingSummary!, kept = loaded.TrainingSummary!;
        Assert.AreEqual(trained.Drift, kept.Drift);
        Assert.AreEqual(trained.Duration, kept.Duration);
        CollectionAssert.AreEqual(trained.Losses.ToArray(), kept.Losses.ToArray());
        // Rows, options and paths are not saved.
        (trained with { Origin = null }).WriteReport(folder["trained.html"]);
        kept.WriteReport(folder["kept.html"]);
        Assert.AreEqual(File.ReadAllText(folder["trained.html"]), File.ReadAllText(folder["kept.html"]));
    }

    [TestMethod]
    public void Drift_OfATrainedPrefix_IsTheLossOfTheTextWithAndWithoutIt()
    {
        using BaseLease hold = TinyBase.Hold();
        using PrefixTuningTransformer model = TinyBase.Fit(Context, With(Plain));
        TextDrift drift = model.TrainingSummary!.Drift!;
        int[] ids = hold.Base.Tokenizer.Encode(Plain), prologue = [.. hold.Base.Tokenizer.Prologue];
        Assert.AreEqual(ids.Length - 1, drift.Tokens);
        Assert.AreEqual(Loss(hold.Base.Model, [.. prologue, .. ids], prologue.Length, null), drift.BaseLoss, 1e-4);
        int[] behind = model.Prefix!.Convention.HoldsBeginToken ? ids : [.. prologue, .. ids];
        Assert.AreEqual(Loss(hold.Base.Model, behind, behind.Length - ids.Length, model.Prefix), drift.PrefixLoss,
            1e-4);
        Assert.AreEqual(drift.PrefixLoss - drift.BaseLoss, drift.Increase);
    }

    [TestMethod]
    public void Drift_CancelledAfterTraining_IsLeftOutAndThePrefixIsNot()
    {
        using var source = new CancellationTokenSource();
        PrefixTuningOptions options = With(Plain);
        using PrefixTuningTransformer model = TinyBase.Fit(Context, options with
        {
            Training = options.Training with
            {
                CancellationToken = source.Token,
                WhenCancelled = CancellationBehavior.ReturnBest,
                Progress = progress => { if (progress.Step == progress.TotalSteps) source.Cancel(); },
            },
        });
        Assert.AreEqual(TrainingEnd.Completed, model.TrainingSummary!.End);
        Assert.IsNull(model.TrainingSummary.Drift);
        Assert.IsGreaterThan(0, model.TrainingSummary.BestStep);
    }

    [TestMethod]
    public void Fit_WithABadValidationRow_SaysInWhichSet()
    {
        IDataView validation =
            Context.Data.LoadFromEnumerable([new FaceRow { Input = "a", Label = "b" },
            new FaceRow { Input = "a", Label = "" }]);
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Fit(Context, TinyBase.Quick with { ValidationSet = validation }));
        Assert.StartsWith("ValidationSet: Row 2 (the first is 1), column 'Label'", fault.Message);
    }

    [TestMethod]
    public void Drift_OfSeveralValues_IsTheMeanOfTheirPrefixes()
    {
        using BaseLease hold = TinyBase.Hold();
        PrefixTuningOptions options = With(Plain) with
        {
            AttributeColumnName = "Label",
            AttributeLength = 3,
            Prefix = new PrefixOptions { Length = 6 }
        };
        using PrefixTuningTransformer model = TinyBase.Fit(Context, options, rows: 3);
        int[] ids = hold.Base.Tokenizer.Encode(Plain), prologue = [.. hold.Base.Tokenizer.Prologue];
        double[] losses = model.Prefixes.Values.Select(prefix =>
        {
            int[] behind = prefix.Convention.HoldsBeginToken ? ids : [.. prologue, .. ids];
            return Loss(hold.Base.Model, behind, behind.Length - ids.Length, prefix);
        }).ToArray();
        Assert.HasCount(3, losses.Distinct());
        Assert.AreEqual(losses.Average(), model.TrainingSummary!.Drift!.PrefixLoss, 1e-4);
    }

    [TestMethod]
    public void BaseLoss_DoesNotDependOnWhetherThePrefixHoldsTheBeginToken()
    {
        using TemporaryFolder folder = TinyBase.CopyWithBeginToken();
        PrefixTuningTransformer Fit(PrefixStart start) => Context.Transforms.Text
            .PrefixTune("Output", "Input", "Label", BaseModel.FromFolder(folder.Path),
                TinyBase.Quick with { Prefix = new PrefixOptions { Length = 4, Start = start } })
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12)));
        using PrefixTuningTransformer fromText = Fit(PrefixStart.DefaultText), fromZero = Fit(PrefixStart.Zero);
        Assert.IsTrue(fromText.Prefix!.Convention.HoldsBeginToken);
        Assert.IsFalse(fromZero.Prefix!.Convention.HoldsBeginToken);
        Assert.AreEqual(fromZero.TrainingSummary!.BaseLoss, fromText.TrainingSummary!.BaseLoss);
    }

    [TestMethod]
    public void Drift_OfAnEncoderDecoderBase_IsMeasuredToo()
    {
        using PrefixTuningTransformer model =
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, With(Plain))
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12)));
        TextDrift drift = model.TrainingSummary!.Drift!;
        Assert.IsGreaterThan(0, drift.Tokens);
        Assert.IsTrue(double.IsFinite(drift.Increase));
        Assert.AreNotEqual(drift.BaseLoss, drift.PrefixLoss);
    }

    [TestMethod]
    public void Drift_WithoutAText_IsNotThere()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context);
        Assert.IsNull(model.TrainingSummary!.Drift);
    }

    [TestMethod]
    [DataRow("", "Training.DriftText: expected a text of at least one character, or null, found an empty one.")]
    [DataRow("a", "Training.DriftText: expected a text of at least two tokens, found 1.")]
    public void Fit_WithTooShortADriftText_NamesIt(string text, string message)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Fit(Context, With(text)));
        StringAssert.StartsWith(fault.Message, message);
    }

    private static PrefixTuningOptions With(string text) =>
        TinyBase.Quick with { Training = TinyBase.Quick.Training with { DriftText = text } };

    /// <summary>The mean cross-entropy of ids[skipped + 1 ..], straight from the logits.</summary>
    private static double Loss(LanguageModel model, int[] ids, int skipped, Prefix? prefix)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using PrefixTensors? tensors = prefix is null ? null : PrefixTensors.Make(prefix, model);
        int length = prefix?.Length ?? 0;
        AttentionPlaces places = TokenPlaces.Causal([new RowState(length, 0, ids.Length)], ids.Length, length, length
            + ids.Length, PrefixConvention.DecoderOnly);
        Tensor hidden = model.Decode(model.Embed(tensor(ids, ScalarType.Int64).unsqueeze(0)), places,
            new PrefixMemory(tensors?.Sites ?? SitePrefixes.None));
        Tensor scores = model.Logits(hidden[0]).narrow(0, skipped, ids.Length - skipped - 1);
        return nn.functional.cross_entropy(scores, tensor(ids[(skipped + 1)..], ScalarType.Int64)).ToDouble();
    }
}
