using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Options are checked when the estimator is made, all of them, each by its name.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class OptionsTests
{
    private static readonly MLContext Context = new(seed: 1);

    public static IEnumerable<object[]> Bad =>
    [
        [new PrefixTuningOptions { Prefix = new() { Length = 0 } }, "Prefix.Length: expected 1 or more, found 0."],
        [new PrefixTuningOptions { Prefix = new() { Sites = [] } },
            "Prefix.Sites: expected at least one site, or null, found none."],
        [new PrefixTuningOptions { Prefix = new() { Start = PrefixStart.Random(-1) } },
            "Prefix.Start: expected a scale above 0, found -1."],
        [new PrefixTuningOptions { Prefix = new() { Start = PrefixStart.FromText("") } },
            "Prefix.Start: expected a text of at least one character, found an empty one."],
        [new PrefixTuningOptions { Prefix = new() { Method = null! } }, "Prefix.Method: expected a value, found null."],
        [new PrefixTuningOptions { Prefix = new() { Parametrization = Parametrization.Mlp(0) } },
            "Prefix.Parametrization.width: expected 1 or more, found 0."],
        [new PrefixTuningOptions { Prefix = new() { Parametrization = Parametrization.ResidualMlp(dropout: 1) } },
            "Prefix.Parametrization.dropout: expected 0 or more and below 1, found 1."],
        [new PrefixTuningOptions { Prefix = new() { Parametrization = Parametrization.Mlp(),
            Start = PrefixStart.Zero } },
            "Prefix.Start: expected the default, since Mlp starts at random, found Zero."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.EmbeddingOnly,
            Parametrization = Parametrization.Mlp() } },
            "Prefix.Parametrization: expected Direct for the method EmbeddingOnly, found Mlp."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Text, Start = PrefixStart.Zero } },
            "Prefix.Start: expected a text for the method Text, found Zero."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.TriggerWords(candidates: 0) } },
            "Prefix.Method.candidates: expected 1 or more, found 0."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Text },
            Training = new() { StateFile = "state" } },
            "Training.StateFile: expected null for the method Text, which keeps no state, found 'state'."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Text },
            Training = new() { LearningRate = 0.1 } },
            "Training.LearningRate: expected null for the method Text, which trains no number, found 0.1."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Text },
            Training = new() { PrefixDropout = 0.5 } },
            "Training.PrefixDropout: expected 0 for the method Text, which trains no number, found 0.5."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.TriggerWords() },
            Training = new() { AveragingGrowth = 0.5 } },
            "Training.AveragingGrowth: expected 0 for the method TriggerWords, which trains no number, found 0.5."],
        [new PrefixTuningOptions { Training = new() { Averaging = 0, AveragingGrowth = 0.5 } },
            "Training.AveragingGrowth: expected 0 where TrainingOptions.Averaging is 0, and nothing is averaged,"
                + " found 0.5."],
        [new PrefixTuningOptions { Training = new() { PrefixDropout = 1 } },
            "Training.PrefixDropout: expected 0 or more and below 1, found 1."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory, Length = 10 } },
            "Prefix.Length: expected the default for the method Memory, which takes no tokens, found 10."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory, Start = PrefixStart.Random() } },
            "Prefix.Start: expected the default for the method Memory, which starts at zero, or a prefix that is a"
                + " memory, found Random."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory,
            Parametrization = Parametrization.ResidualMlp() } },
            "Prefix.Parametrization: expected Direct for the method Memory, found ResidualMlp."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory, Sites = [AttentionSite.Cross] } },
            "Prefix.Sites: expected Encoder and Decoder alone for the method Memory, which cross-attention has none of,"
                + " found Cross."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory },
            Training = new() { PrefixDropout = 0.5 } },
            "Training.PrefixDropout: expected 0 for the method Memory, which has no positions, found 0.5."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Memory }, AttributeColumnName = "Tone",
            AttributeLength = 3 },
            "AttributeLength: expected null for the method Memory, of which a value has as much for itself as it"
                + " shares, found 3."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.Infix }, AttributeColumnName = "Tone" },
            "Prefix.Method: expected Prefix or Memory with an attribute column, found Infix."],
        [new PrefixTuningOptions { Prefix = new() { Start = PrefixStart.FromRows(0) } },
            "Prefix.Start.count: expected 1 or more, found 0."],
        [new PrefixTuningOptions { AttributeLength = 2 },
            "AttributeLength: expected null without an attribute column, found 2."],
        [new PrefixTuningOptions { UnseenAttribute = UnseenAttribute.UseSharedPart },
            "UnseenAttribute: expected the default without an attribute column, found UseSharedPart."],
        [new PrefixTuningOptions { Training = new() { MaxEpochs = 0 } },
            "Training.MaxEpochs: expected 1 or more, found 0."],
        [new PrefixTuningOptions { Training = new() { LearningRate = double.NaN } },
            "Training.LearningRate: expected a number above 0, found NaN."],
        [new PrefixTuningOptions { Training = new() { Beta2 = 1 } },
            "Training.Beta2: expected 0 or more and below 1, found 1."],
        [new PrefixTuningOptions { Training = new() { EarlyStopping = new() { Patience = 0 } } },
            "Training.EarlyStopping.Patience: expected 1 or more, found 0."],
        [new PrefixTuningOptions { Training = new() { Decay = (LearningRateDecay)9 } },
            "Training.Decay: expected a value of LearningRateDecay, found 9."],
        [new PrefixTuningOptions { Generation = new() { MinNewTokens = 200, MaxNewTokens = 128 } },
            "Generation.MinNewTokens: expected 0 to MaxNewTokens = 128, found 200."],
        [new PrefixTuningOptions { Generation = new() { MinNewTokens = -1 } },
            "Generation.MinNewTokens: expected 0 or more, or null, found -1."],
        [new PrefixTuningOptions { Generation = new() { SequenceCount = 2 } },
            "Generation.Decoding: expected beams or sampling where SequenceCount is above 1, found greedy."],
        [new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Sampling(topP: 0) } },
            "Generation.Decoding.topP: expected above 0 and up to 1, found 0."],
        [
            new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Sampling() with { MinP = 1.5 } } },
            "Generation.Decoding.minP: expected 0 to 1, found 1.5."
        ],
        [new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Beam(2), SequenceCount = 3 } },
            "Generation.Decoding.width: expected at least SequenceCount = 3, found 2."],
        [new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Beam(lengthPenalty: double.NaN) } },
            "Generation.Decoding.lengthPenalty: expected a finite number, found NaN."],
        [new PrefixTuningOptions { Generation = new() { BannedWords = [""] } },
            "Generation.BannedWords: expected no empty text in the list, found one."],
        [new PrefixTuningOptions { Template = "no place" },
            "Template: expected {input} exactly once, found 'no place'."],
        [new PrefixTuningOptions { Device = "gpu" }, "Device: expected cpu, cuda, cuda:<number> or mps, found 'gpu'."],
        [new PrefixTuningOptions { AttributeColumnName = "" },
            "AttributeColumnName: expected a column name, or null, found an empty text."],
        [new PrefixTuningOptions { AttributeColumnName = "Tone", Prefix = new() { Length = 1 } },
            "Prefix.Length: expected 2 or more with an attribute column, found 1."],
        [new PrefixTuningOptions { AttributeColumnName = "Tone", AttributeLength = 20 },
            "AttributeLength: expected 1 to 19 of 20 tokens, found 20."],
        [new PrefixTuningOptions { UnseenAttribute = (UnseenAttribute)9 },
            "UnseenAttribute: expected a value of UnseenAttribute, found 9."],
        [new PrefixTuningOptions { Prefix = null! }, "Prefix: expected a value, found null."],
    ];

    [TestMethod]
    [DynamicData(nameof(Bad))]
    public void PrefixTune_OfBadOption_NamesIt(PrefixTuningOptions options, string message)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Estimator(Context, options));
        Assert.AreEqual($"{message} (Parameter 'options')", fault.Message);
    }

    /// <summary>Values that would take all memory or time, each by itself.</summary>
    public static IEnumerable<object[]> Huge =>
    [
        [new PrefixTuningOptions { Prefix = new() { Length = 10_000_000 } },
            "Prefix.Length: expected at most 32,768, found 10000000."],
        [new PrefixTuningOptions { Prefix = new() { Parametrization = Parametrization.Mlp(1_000_000) } },
            "Prefix.Parametrization.width: expected at most 16,384, found 1000000."],
        [new PrefixTuningOptions { Prefix = new() { Parametrization = Parametrization.ResidualMlp(depth: 1000) } },
            "Prefix.Parametrization.depth: expected at most 64, found 1000."],
        [new PrefixTuningOptions { Prefix = new() { Method = PrefixMethod.TriggerWords(int.MaxValue) } },
            "Prefix.Method.candidates: expected at most 10,000, found 2147483647."],
        [new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Beam(100_000) } },
            "Generation.Decoding.width: expected at most 1,024, found 100000."],
        [new PrefixTuningOptions { Generation = new() { Decoding = Decoding.Sampling(), SequenceCount = 100_000 } },
            "Generation.SequenceCount: expected at most 1,024, found 100000."],
        [new PrefixTuningOptions { Threads = 1_000_000 }, "Threads: expected at most 1,024, found 1000000."],
    ];

    [TestMethod]
    [DynamicData(nameof(Huge))]
    public void PrefixTune_OfWhatWouldTakeAllMemoryOrTime_IsRefused(PrefixTuningOptions options, string message)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Estimator(Context, options));
        Assert.AreEqual($"{message} (Parameter 'options')", fault.Message);
    }

    [TestMethod]
    public void PrefixTune_OfSeveralBadOptions_NamesThemAll()
    {
        var options = new PrefixTuningOptions { Prefix = new() { Length = 0 }, Training = new() { BatchSize = 0 } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Estimator(Context, options));
        StringAssert.Contains(fault.Message, "Prefix.Length");
        StringAssert.Contains(fault.Message, "Training.BatchSize");
    }

    [TestMethod]
    [DataRow("Output", "output")]
    [DataRow("Input", "input")]
    [DataRow("Label", "label")]
    [DataRow("Tone", "attribute")]
    public void PrefixTune_OfAnErrorColumnNamedLikeAnother_IsRefused(string name, string role)
    {
        var options =
            new PrefixTuningOptions { AttributeColumnName = "Tone", Generation = new() { ErrorColumnName = name } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Estimator(Context, options));
        Assert.AreEqual(
            $"Generation.ErrorColumnName: expected another name than that of the {role} column, found '{name}'."
                + " (Parameter 'options')", fault.Message);
    }

    [TestMethod]
    [DataRow("Output", "output")]
    [DataRow("Input", "input")]
    public void GenerateText_OfAnErrorColumnNamedLikeAnother_IsRefused(string name, string role)
    {
        var options = new TextGenerationOptions { Generation = new() { ErrorColumnName = name } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, options: options));
        Assert.AreEqual(
            $"Generation.ErrorColumnName: expected another name than that of the {role} column, found '{name}'."
                + " (Parameter 'options')", fault.Message);
    }

    [TestMethod]
    [DataRow("Output", "output")]
    [DataRow("Input", "input")]
    [DataRow("Reply", "label")]
    public void DistillPrefix_OfAnErrorColumnNamedLikeAnother_IsRefused(string name, string role)
    {
        var options = new DistillationOptions
        {
            ContinuationColumnName = "Reply",
            Student = new() { Generation = new() { ErrorColumnName = name } }
        };
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama,
                PrefixTeacher.FromText("Be short."), options));
        Assert.AreEqual(
            $"Student.Generation.ErrorColumnName: expected another name than that of the {role} column, found"
                + $" '{name}'. (Parameter 'options')", fault.Message);
    }

    [TestMethod]
    public void Fit_OfSiteThatTheBaseLacks_NamesIt()
    {
        var options = TinyBase.Quick with { Prefix = new PrefixOptions { Sites = [AttentionSite.Cross] } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Fit(Context, options));
        StringAssert.StartsWith(fault.Message,
            "Prefix.Sites: expected Decoder alone, since a llama base is decoder-only, found Cross.");
    }

    [TestMethod]
    public void Fit_OfMoreLeastTokensThanATextMayHave_IsRefusedBeforeTraining()
    {
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Generation = new GenerationOptions { MinNewTokens = 200 },
            Training = TinyBase.Quick.Training with { Progress = step => Assert.Fail("It trained.") },
        };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Fit(Context, options));
        StringAssert.StartsWith(fault.Message,
            "Generation.MinNewTokens: expected 0 to 128, the most where MaxNewTokens is null, found 200.");
    }

    [TestMethod]
    public void Fit_OfMissingGpu_IsRefusedWithoutFallback()
    {
        if (TorchSharp.torch.cuda.is_available())
            Assert.Inconclusive("This machine has a GPU.");
        var context = new MLContext(seed: 1) { GpuDeviceId = 0, FallbackToCpu = false };
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => TinyBase.Fit(context));
        StringAssert.Contains(fault.Message, "GpuDeviceId is 0");
        var fallback = new MLContext(seed: 1) { GpuDeviceId = 0, FallbackToCpu = true };
        TinyBase.Fit(fallback).Dispose();
        var named = Assert.ThrowsExactly<InvalidOperationException>(() =>
            TinyBase.Fit(Context, TinyBase.Quick with { Device = "cuda:0" }));
        StringAssert.Contains(named.Message, "cuda:0");
    }

    [TestMethod]
    public void Cancellation_ByToken_ThrowsOrReturnsTheBest()
    {
        foreach (CancellationBehavior behavior in Enum.GetValues<CancellationBehavior>())
        {
            using var source = new CancellationTokenSource();
            int steps = 0;
            var options = TinyBase.Quick with
            {
                Training = new TrainingOptions
                {
                    MaxEpochs = 100,
                    BatchSize = 4,
                    CancellationToken = source.Token,
                    WhenCancelled = behavior,
                    Progress = _ =>
                    {
                        if (++steps == 3)
                            source.Cancel();
                    },
                },
            };
            if (behavior == CancellationBehavior.Throw)
                StringAssert.Contains(Assert.ThrowsExactly<OperationCanceledException>(() =>
                    TinyBase.Fit(Context, options)).Message, "3");
            else
                using (PrefixTuningTransformer model = TinyBase.Fit(Context, options))
                    Assert.AreEqual(TrainingEnd.Cancelled, model.TrainingSummary!.End);
            Assert.AreEqual(3, steps);
        }
    }

    [TestMethod]
    public void Fit_WithAStateFileThatCannotBeWritten_NamesOptionAndPath()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder["no such folder"], "training.state");
        var options = TinyBase.Quick with { Training = new TrainingOptions { StateFile = path } };
        Assert.StartsWith($"Training.StateFile: '{path}'",
            Assert.ThrowsExactly<IOException>(() => TinyBase.Fit(Context, options)).Message);
    }

    [TestMethod]
    public void Cancellation_ByMlNet_EndsTraining()
    {
        var context = new MLContext(seed: 1);
        int steps = 0;
        var options = TinyBase.Quick with
        {
            Training = new TrainingOptions
            {
                MaxEpochs = 100,
                Progress = _ =>
                {
                    if (++steps == 2)
                        HiddenMembers.CancelExecution(context);
                },
            },
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => TinyBase.Fit(context, options));
        Assert.AreEqual(2, steps);
    }

    [TestMethod]
    public void Progress_OfTraining_ReachesLogAndCallback()
    {
        var context = new MLContext(seed: 1);
        var messages = new List<string>();
        context.Log += (_, entry) => messages.Add(entry.Message);
        var reports = new List<TrainingProgress>();
        using PrefixTuningTransformer model = TinyBase.Fit(context,
            TinyBase.Quick with { Training = TinyBase.Quick.Training with { Progress = reports.Add } });
        Assert.HasCount(6, reports);
        Assert.AreEqual(6, reports[^1].Step);
        Assert.AreEqual(6, reports[^1].TotalSteps);
        Assert.IsTrue(messages.Exists(message => message.Contains("step 6/6", StringComparison.Ordinal)),
            string.Join('\n', messages));
    }
}
