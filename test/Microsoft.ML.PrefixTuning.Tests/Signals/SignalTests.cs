using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Signals;

/// <summary>What listeners of the meter and of the activities are told.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SignalTests : IDisposable
{
    private readonly MLContext _context = new(seed: 1);
    private readonly TemporaryFolder _base = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
    private readonly List<(string Name, double Value)> _values = [];
    private readonly List<Activity> _activities = [];
    private readonly HashSet<string> _instruments = [];
    private readonly MeterListener _meter = new();
    private readonly ActivityListener _activity;

    public SignalTests()
    {
        _meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name != SignalSource.Name)
                return;
            lock (_instruments)
                _instruments.Add(instrument.Name);
            listener.EnableMeasurementEvents(instrument);
        };
        _meter.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _meter.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        _meter.Start();
        _activity = new ActivityListener
        {
            ShouldListenTo = source => source.Name == SignalSource.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.GetTagItem(SignalSource.BaseTag) is string name && IsOwn(name))
                    _activities.Add(activity);
            },
        };
        ActivitySource.AddActivityListener(_activity);
    }

    public void Dispose()
    {
        _meter.Dispose();
        _activity.Dispose();
        _base.Dispose();
    }

    [TestMethod]
    public void Fit_OfSixSteps_TellsEachAndItsLoss()
    {
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { ValidationFraction = 0.3 },
        };
        using PrefixTuningTransformer model =
            TinyBase.Fit(_context, options, baseModel: BaseModel.FromFolder(_base.Path));
        TrainingSummary summary = model.TrainingSummary!;
        CollectionAssert.AreEqual(summary.Losses.ToArray(), Values("prefix_tuning.training.loss"));
        CollectionAssert.AreEqual(summary.LearningRates.ToArray(), Values("prefix_tuning.training.learning_rate"));
        Assert.AreEqual(6, Values("prefix_tuning.training.steps").Sum());
        Assert.AreEqual(summary.ValidationLosses[^1].Loss, Values("prefix_tuning.training.validation_loss")[^1]);
        Assert.IsGreaterThan(0, Values("prefix_tuning.training.tokens_per_second")[^1]);
        Activity fit = _activities.Single(activity => activity.OperationName == "prefix_tuning.fit");
        Assert.AreEqual((6, summary.TrainingRows, "Completed"), ((int)fit.GetTagItem("prefix_tuning.steps")!,
            (int)fit.GetTagItem("prefix_tuning.rows")!, (string)fit.GetTagItem("prefix_tuning.end")!));
        Assert.IsTrue(_activities.Any(activity => activity.OperationName == "prefix_tuning.load_base"));
    }

    [TestMethod]
    public void Fit_ThatFails_IsAnActivityInError()
    {
        Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Fit(_context, rows: 0, baseModel: BaseModel.FromFolder(_base.Path)));
        Activity fit = _activities.Single(activity => activity.OperationName == "prefix_tuning.fit");
        Assert.AreEqual(ActivityStatusCode.Error, fit.Status);
        Assert.Contains("at least one row", fit.StatusDescription!);
    }

    [TestMethod]
    public void Transform_OfRows_CountsThemAndTheirTokens()
    {
        using PrefixTuningTransformer model = _context.Transforms.Text
            .GenerateText("Output", "Input", BaseModel.FromFolder(_base.Path), options: new TextGenerationOptions
            {
                Generation = new GenerationOptions { MaxNewTokens = 5, MinNewTokens = 5, ErrorColumnName = "Error" },
            }).Fit(_context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
        FaceRow endless = new() { Input = string.Concat(Enumerable.Repeat("word ", 5000)) };
        Assert.HasCount(4, TinyBase.Texts(_context, model, [.. TinyBase.Rows(3), endless]));
        Assert.AreEqual(3, Values("prefix_tuning.rows.written").Sum());
        Assert.AreEqual(1, Values("prefix_tuning.rows.refused").Sum());
        Assert.AreEqual(15, Values("prefix_tuning.rows.tokens").Sum());
        Assert.AreEqual(4, _activities.Where(activity => activity.OperationName == "prefix_tuning.write")
            .Sum(activity => (int)activity.GetTagItem("prefix_tuning.rows")!));
    }

    /// <summary>Rows are written when they are read: whoever waits for that may call it off.</summary>
    [TestMethod]
    public void Fit_CancelledBeforeTheTeacherWrites_WritesNothing()
    {
        using var cancellation = new CancellationTokenSource();
        IEnumerable<FaceRow> rows = TinyBase.Rows(3).Select(row =>
        {
            cancellation.Cancel();
            return row;
        });
        PrefixDistillationEstimator estimator = _context.Transforms.Text.DistillPrefix("Output", "Input",
            BaseModel.FromFolder(_base.Path), PrefixTeacher.FromText("The Eagle is a pub with French food .\n"),
            new DistillationOptions
            {
                Student = TinyBase.Quick with
                {
                    Training = TinyBase.Quick.Training with { CancellationToken = cancellation.Token },
                },
            });
        Assert.ThrowsExactly<OperationCanceledException>(() =>
            estimator.Fit(_context.Data.LoadFromEnumerable(rows)));
        Assert.IsEmpty(Values("prefix_tuning.rows.written"));
    }

    [TestMethod]
    public void Memory_OfTheProcess_IsTold()
    {
        double told = 0;
        _meter.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
            told = instrument.Name == "prefix_tuning.memory" ? value : told);
        _meter.RecordObservableInstruments();
        Assert.IsGreaterThan(1 << 20, told);
    }

    [TestMethod]
    public void Document_OfSignals_NamesEachInstrument()
    {
        string text = File.ReadAllText(Path.Combine(Source.Root, "docs", "observing.md"));
        _ = (new TrainingSignals(""), new WritingSignals(""));
        using (PrefixTuningTransformer model = TinyBase.Fit(_context))
            TinyBase.Texts(_context, model, TinyBase.Rows(1));
        Assert.IsGreaterThan(7, _instruments.Count);
        foreach (string instrument in _instruments)
            Assert.Contains($"`{instrument}`", text);
    }

    private double[] Values(string name) => [.. _values.Where(value => value.Name == name).Select(pair => pair.Value)];

    // Other tests train at the same time, on other bases.
    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == SignalSource.BaseTag && IsOwn((string)tag.Value!))
                _values.Add((instrument.Name, value));
        }
    }

    private bool IsOwn(string baseName) => baseName == Path.GetFileName(_base.Path);
}
