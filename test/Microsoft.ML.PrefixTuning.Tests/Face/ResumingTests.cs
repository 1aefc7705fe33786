using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A training that nobody gave a seed goes on from its state as one with a seed does.</summary>
[TestClass]
public sealed class ResumingTests
{
    private const int Steps = 6;

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _log = [];

    private string State => _folder["state"];

    private string Complete =>
        $"The training was already complete, after {Steps} of {Steps} steps: its state is in '{State}'.";

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Fit_WithoutASeed_GoesOnFromItsState()
    {
        StopAfter(2);
        using PrefixTuningTransformer resumed = Fit(Options());
        Assert.Contains($"Training goes on from step 2 of {Steps}: its state was in '{State}'.", _log);
        int seed = resumed.TrainingSummary!.Seed!.Value;
        TrainingOptions alone = Options().Training with { StateFile = null, Seed = seed };
        using PrefixTuningTransformer whole = Fit(Options() with { Training = alone });
        CollectionAssert.AreEqual(whole.Prefix!.ToBytes(), resumed.Prefix!.ToBytes());
        CollectionAssert.AreEqual(whole.TrainingSummary!.Losses.ToArray(), resumed.TrainingSummary.Losses.ToArray());
        Assert.AreEqual(Steps, resumed.TrainingSummary.Losses.Count);
    }

    [TestMethod]
    public void Fit_OfACompleteState_SaysSoAndGivesTheSame()
    {
        using PrefixTuningTransformer first = Fit(Options());
        Assert.IsFalse(_log.Exists(message => message.Contains("already complete", StringComparison.Ordinal)));
        using PrefixTuningTransformer second = Fit(Options());
        Assert.Contains(Complete, _log);
        CollectionAssert.AreEqual(first.Prefix!.ToBytes(), second.Prefix!.ToBytes());
        Assert.AreEqual(first.TrainingSummary!.Seed, second.TrainingSummary!.Seed);
    }

    [TestMethod]
    public void Fit_WithAnotherSeedThanTheState_IsRefusedByTheSeed()
    {
        PrefixTuningOptions options = Options() with { Training = Options().Training with { Seed = 5 } };
        Fit(options).Dispose();
        PrefixTuningOptions other = Options() with { Training = Options().Training with { Seed = 6 } };
        Assert.Contains("Seed: saved 5, given 6", Refused(() => Fit(other)));
        // The context's seed is as good as one of the options.
        Assert.Contains("Seed: saved 5, given 7", Refused(() => Fit(Options(), new MLContext(seed: 7))));
        Fit(Options(), new MLContext(seed: 5)).Dispose();
        Fit(Options()).Dispose();
    }

    [TestMethod]
    public void Fit_OfOtherRowsOrOptionsThanTheState_IsRefusedByThem()
    {
        StopAfter(2);
        Assert.Contains("training rows: saved 9, given 6 (and validation rows", Refused(() => Fit(Options(), rows: 8)));
        PrefixTuningOptions other = Options() with { Training = Options().Training with { ClipNorm = 2 } };
        Assert.Contains("ClipNorm: saved 1, given 2.", Refused(() => Fit(other)));
        PrefixTuningOptions stopping = Options() with
        {
            Training = Options().Training with { EarlyStopping = new EarlyStopping { MinDelta = 0.25 } },
        };
        Assert.Contains("EarlyStopping.MinDelta: saved 0.5, given 0.25.", Refused(() => Fit(stopping)));
    }

    [TestMethod]
    public void Fit_InAnotherCulture_GoesOn()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        StopAfter(2);
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Assert.AreEqual("0,5", $"{0.5}");
            Fit(Options()).Dispose();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
        Assert.Contains($"Training goes on from step 2 of {Steps}: its state was in '{State}'.", _log);
    }

    [TestMethod]
    public void Fit_OfOtherAttributeValues_IsRefusedByThem()
    {
        PrefixTuningOptions options = Options() with { AttributeColumnName = "Tone", AttributeLength = 2 };
        // Without the text of the value nothing else of the training knows what it is called.
        options = options with { Prefix = options.Prefix with { Start = PrefixStart.Random() } };
        Fit(options, tones: ["calm", "loud"]).Dispose();
        Assert.Contains("attribute values: saved [\"calm\",\"loud\"], given [\"calm\",\"sharp\"].",
            Refused(() => Fit(options, tones: ["calm", "sharp"])));
        using PrefixTuningTransformer again = Fit(options, tones: ["calm", "loud"]);
        CollectionAssert.AreEqual(new[] { "calm", "loud" }, again.Prefixes.Keys.ToArray());
    }

    [TestMethod]
    public void DistillPrefix_WithoutASeed_GoesOnFromItsState()
    {
        using (PrefixTuningTransformer first = Distil())
            Assert.IsNotNull(first.TrainingSummary!.Seed);
        using PrefixTuningTransformer second = Distil();
        Assert.Contains(Complete, _log);
    }

    private PrefixTuningOptions Options() => TinyBase.Quick with
    {
        Training = new TrainingOptions
        {
            MaxSteps = Steps,
            BatchSize = 4,
            ValidationFraction = 0.25,
            EarlyStopping = new EarlyStopping { MinDelta = 0.5 },
            StateFile = State,
            StateInterval = 1,
        },
    };

    /// <summary>A training without a seed that is cancelled after a step.</summary>
    private void StopAfter(int step)
    {
        using var cancellation = new CancellationTokenSource();
        TrainingOptions training = Options().Training with
        {
            CancellationToken = cancellation.Token,
            Progress = progress =>
            {
                if (progress.Step == step)
                    cancellation.Cancel();
            },
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => Fit(Options() with { Training = training }));
    }

    private PrefixTuningTransformer Fit(PrefixTuningOptions options, MLContext? mlContext = null, int rows = 12,
        string[]? tones = null)
    {
        mlContext ??= new MLContext();
        mlContext.Log += (_, log) => _log.Add(log.RawMessage);
        IEnumerable<ToneRow> data = TinyBase.Rows(rows).Select((row, index) => new ToneRow
        {
            Input = row.Input,
            Label = row.Label,
            Tone = tones?[index % tones.Length] ?? "",
        });
        return TinyBase.Estimator(mlContext, options).Fit(mlContext.Data.LoadFromEnumerable(data));
    }

    private PrefixTuningTransformer Distil()
    {
        var mlContext = new MLContext();
        mlContext.Log += (_, log) => _log.Add(log.RawMessage);
        return mlContext.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama,
            PrefixTeacher.FromText("Write a sentence about the place."), new DistillationOptions
            {
                Student = Options() with { Prefix = new PrefixOptions { Length = 2 } },
                Continuations = new GenerationOptions { MaxNewTokens = 4 },
            }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(12)));
    }

    private static string Refused(Action fit) => Assert.ThrowsExactly<InvalidOperationException>(fit).Message;
}
