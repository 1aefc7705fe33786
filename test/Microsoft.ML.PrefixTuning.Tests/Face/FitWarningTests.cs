using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.ML.Runtime;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What a fit tells of its rows, its start and its end.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FitWarningTests
{
    private readonly List<(ChannelMessageKind Kind, string Text)> _log = [];
    private readonly MLContext _context = new(seed: 1);

    public FitWarningTests() => _context.Log += (_, entry) => _log.Add((entry.Kind, entry.RawMessage));

    private IEnumerable<string> Warnings =>
        _log.Where(entry => entry.Kind == ChannelMessageKind.Warning).Select(entry => entry.Text);

    [TestMethod]
    public void Fit_OfRowsWithSeveralLabels_HoldsOutSourcesAndCountsThem()
    {
        PrefixTuningOptions options = With(training => training with { ValidationFraction = 0.25 });
        TrainingSummary summary = Fit(options, Rows(8, labels: 4));
        Assert.AreEqual((24, 6, 8, 2), (summary.TrainingRows, summary.TrainingSources, summary.ValidationRows,
            summary.ValidationSources));
        Assert.IsTrue(_log.Any(entry =>
            entry.Text == "Training on 24 rows of 6 sources, validating on 8 rows of 2."));
        Assert.IsFalse(Warnings.Any(text => text.Contains("decides", StringComparison.Ordinal)));
        string report = HtmlReport.Write(TrainingReport.Of(summary));
        Assert.Contains("24 of 6 sources", report);
        Assert.Contains("8 of 2 sources", report);
    }

    [TestMethod]
    [DataRow(1, "One row alone decides on the best step and on early stopping. ")]
    [DataRow(3, "One source of 3 rows alone decides on the best step and on early stopping. ")]
    public void Fit_WhereOneSourceDecides_Warns(int labels, string wanted)
    {
        Fit(With(training => training with { ValidationFraction = 0.1 }), Rows(10, labels));
        Assert.HasCount(1, Warnings.Where(text => text.StartsWith(wanted, StringComparison.Ordinal)));
        _log.Clear();
        Fit(TinyBase.Quick with { ValidationSet = _context.Data.LoadFromEnumerable(Rows(1, labels)) }, Rows(4, labels));
        Assert.HasCount(1, Warnings.Where(text => text.StartsWith(wanted, StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Fit_OfOneInput_HoldsRowsOutAndWarns()
    {
        TrainingSummary summary = Fit(With(training => training with { ValidationFraction = 0.5 }), Rows(1, labels: 8));
        Assert.AreEqual((4, 4), (summary.TrainingRows, summary.ValidationRows));
        Assert.HasCount(1, Warnings.Where(text =>
            text.StartsWith("All rows have the same input", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Fit_WithAValidationSetOfTrainedInputs_CountsThem()
    {
        IDataView mixed = _context.Data.LoadFromEnumerable(Rows(5, 2));
        Fit(TinyBase.Quick with { ValidationSet = mixed }, Rows(3, 1));
        Assert.HasCount(1, Warnings.Where(text => text.StartsWith(
            "6 of 10 rows of ValidationSet have an input that training rows have, too: ", StringComparison.Ordinal)));
        _log.Clear();
        Fit(TinyBase.Quick with { ValidationSet = _context.Data.LoadFromEnumerable(Rows(5, 2).Skip(8)) }, Rows(3, 1));
        Assert.IsFalse(Warnings.Any(text => text.Contains("of ValidationSet", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Fit_WithAnEmptyValidationSet_IsRefused()
    {
        IDataView none = _context.Data.LoadFromEnumerable(Rows(0, 1));
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Fit(TinyBase.Quick with { ValidationSet = none }, Rows(4, 1)));
        Assert.StartsWith("ValidationSet: expected at least one row, found none.", fault.Message);
    }

    [TestMethod]
    public void Fit_OfAShortRun_TrainsFromItsFirstStep()
    {
        TrainingSummary summary = Fit(With(training => training with { MaxSteps = 3 }), Rows(12, 1));
        Assert.IsTrue(summary.LearningRates.All(rate => rate > 0));
        Assert.IsGreaterThan(0, summary.BestStep);
    }

    [TestMethod]
    [DataRow(1e38)]
    [DataRow(double.MaxValue)]
    public void Fit_AtARateThatFloatsCannotHold_SaysSo(double rate)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Fit(With(training => training with { LearningRate = rate }), Rows(4, 1)));
        Assert.Contains("Training.LearningRate: expected a number whose steps float32 can hold, found", fault.Message);
    }

    [TestMethod]
    [DataRow(3e37, 0.0)]
    [DataRow(3e37, 0.25)]
    [DataRow(100.0, 0.0)]
    [DataRow(100.0, 0.25)]
    public void Fit_AtAHugeRate_GivesTheStartAndSaysSo(double rate, double fraction)
    {
        PrefixTuningOptions options =
            With(training => training with { LearningRate = rate, ValidationFraction = fraction });
        TrainingSummary summary = Fit(options, Rows(12, 1));
        Assert.AreEqual(0, summary.BestStep);
        Assert.HasCount(1, Warnings.Where(text =>
            text.Contains("what is kept is the start", StringComparison.Ordinal)));
    }

    public static IEnumerable<object[]> Starts =>
    [
        [new PrefixOptions { Start = PrefixStart.Random(3) },
            "A start from text (PrefixStart.FromText) usually does not."],
        [new PrefixOptions { Method = PrefixMethod.Text, Start = PrefixStart.FromText("x y z x y z x y z") },
            "Another text may fit the task better; PrefixMethod.Prefix trains one."],
        [new PrefixOptions { Start = PrefixStart.FromText("x y z x y z x y z") },
            "Another text (PrefixStart.FromText) may fit the task better."],
        [new PrefixOptions { Parametrization = Parametrization.Mlp(8) },
            "A network starts at random and needs long training;"
                + " Parametrization.Direct and ResidualMlp start from a text."],
    ];

    [TestMethod]
    [DynamicData(nameof(Starts))]
    public void StartAdvice_OfAStart_FitsIt(PrefixOptions prefix, string advice)
    {
        using BaseLease hold = TinyBase.Hold();
        var columns = new FitColumns("Output", "Input", "Label");
        Assert.AreEqual(advice, new PrefixPlan(prefix, columns, hold.Base, seed: 1).StartAdvice);
    }

    [TestMethod]
    public void Fit_OnAGpuThatIsNotThere_SaysThatTheCpuStandsIn()
    {
        if (TorchSharp.torch.cuda.is_available())
            Assert.Inconclusive("This machine has a GPU.");
        (_context.GpuDeviceId, _context.FallbackToCpu) = (0, true);
        Fit(TinyBase.Quick, Rows(4, 1));
        const string Wanted = "MLContext.GpuDeviceId is 0, but no such GPU was found: the CPU stands in for it";
        Assert.HasCount(1, Warnings.Where(text => text.StartsWith(Wanted, StringComparison.Ordinal)));
    }

    private static PrefixTuningOptions With(Func<TrainingOptions, TrainingOptions> change) =>
        TinyBase.Quick with { Training = change(TinyBase.Quick.Training) };

    private static IEnumerable<FaceRow> Rows(int sources, int labels) =>
        from label in Enumerable.Range(0, labels)
        from row in TinyBase.Rows(sources)
        select new FaceRow { Input = row.Input, Label = $"{row.Label} {label}" };

    private TrainingSummary Fit(PrefixTuningOptions options, IEnumerable<FaceRow> rows)
    {
        using PrefixTuningTransformer model =
            TinyBase.Estimator(_context, options).Fit(_context.Data.LoadFromEnumerable(rows));
        return model.TrainingSummary!;
    }
}
