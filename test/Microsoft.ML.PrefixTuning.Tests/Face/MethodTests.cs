using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Every method and parametrisation through the same estimator: trained, used, saved, loaded, served.
/// </summary>
[TestClass]
public sealed class MethodTests
{
    private const string Source = "name : Venue 3 | Type : pub | food : French";

    private static readonly MLContext Context = new(seed: 1);
    private static readonly PrefixOptions Short = new() { Length = 4 };

    /// <summary>Every method and parametrisation, by name.</summary>
    internal static Dictionary<string, PrefixOptions> Choices { get; } = new()
    {
        ["direct"] = Short,
        ["direct from rows"] = Short with { Start = PrefixStart.FromRows(2) },
        ["mlp"] = Short with { Parametrization = Parametrization.Mlp(16, 2, 0.1) },
        ["residual mlp"] = Short with { Parametrization = Parametrization.ResidualMlp(16) },
        ["embedding only"] = Short with { Method = PrefixMethod.EmbeddingOnly },
        ["embedding only from random"] =
            Short with { Method = PrefixMethod.EmbeddingOnly, Start = PrefixStart.Random() },
        ["infix"] = Short with { Method = PrefixMethod.Infix },
        ["infix of a residual mlp"] =
            Short with { Method = PrefixMethod.Infix, Parametrization = Parametrization.ResidualMlp(16) },
        ["memory"] = new PrefixOptions { Method = PrefixMethod.Memory },
        ["text"] = Short with { Method = PrefixMethod.Text, Start = PrefixStart.FromText("Describe the venue :") },
        ["trigger words"] = Short with { Method = PrefixMethod.TriggerWords(candidates: 3, steps: 4) },
    };

    public static IEnumerable<object[]> Names => Choices.Keys.Select(name => new object[] { name });

    public static IEnumerable<object[]> Trained => Names.Where(name => (string)name[0] != "text");

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void Fit_OfEveryChoice_WritesAlikeEverywhere(string name)
    {
        foreach (Decoding decoding in (Decoding[])[Decoding.Greedy, Decoding.Beam(3), Decoding.Sampling(seed: 5)])
        {
            using PrefixTuningTransformer model = Fit(Choices[name], decoding);
            string[] texts = TinyBase.Texts(Context, model, [new FaceRow { Input = Source }]);
            using var folder = new TemporaryFolder();
            Context.Model.SaveAtomically(model, null, folder["model.zip"]);
            using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
            CollectionAssert.AreEqual(texts, TinyBase.Texts(Context, loaded, [new FaceRow { Input = Source }]), name);
            Assert.AreEqual(model.Prefix!.Convention, loaded.Prefix!.Convention);
            CollectionAssert.AreEqual(model.TrainingSummary!.TriggerWords?.ToArray(),
                loaded.TrainingSummary!.TriggerWords?.ToArray());
            using PredictionEngine<FaceRow, FaceOutput> engine =
                Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(model);
            Assert.AreEqual(texts[0], engine.Predict(new FaceRow { Input = Source }).Output, $"{name}, {decoding}");
        }
    }

    [TestMethod]
    [DataRow("embedding only")]
    [DataRow("infix")]
    [DataRow("memory")]
    [DataRow("text")]
    [DataRow("trigger words")]
    public void Load_OfMethodInFreshProcess_WritesTheSameText(string name)
    {
        using PrefixTuningTransformer model = Fit(Choices[name], Decoding.Greedy);
        using var folder = new TemporaryFolder();
        Context.Model.SaveAtomically(model, Context.Data.LoadFromEnumerable(TinyBase.Rows(1)).Schema,
            folder["model.zip"]);
        Assert.AreEqual(TinyBase.Texts(Context, model, [new FaceRow { Input = Source }])[0],
            ChildProcess.Run(FaceChild.Load, folder["model.zip"], Source), name);
    }

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void Fit_OfASeed_GivesTheSamePrefix(string name)
    {
        using PrefixTuningTransformer one = Fit(Choices[name], Decoding.Greedy),
            other = Fit(Choices[name], Decoding.Greedy);
        CollectionAssert.AreEqual(one.Prefix!.ToBytes(), other.Prefix!.ToBytes(), name);
    }

    [TestMethod]
    public void TrainingSummary_OfMethods_CountsTrainedAndStored()
    {
        long stored = Counts(Short).Stored, width = EmbeddingWidth();
        Assert.AreEqual((stored, stored), Counts(Short));
        Assert.AreEqual((4 * width, stored), Counts(Short with { Method = PrefixMethod.EmbeddingOnly }));
        Assert.AreEqual((stored, stored), Counts(Short with { Method = PrefixMethod.Infix }));
        Assert.AreEqual((0, stored), Counts(Short with { Method = PrefixMethod.TriggerWords(2, 2) }));
        Assert.AreEqual(0, Counts(Short with { Method = PrefixMethod.Text }).Trained);
        (long trained, long kept) = Counts(Short with { Parametrization = Parametrization.Mlp(16) });
        long row = stored / 4, embedded = KeyValueWidth();
        Assert.AreEqual((4 * embedded + (embedded + 1) * 16 + (16 + 1) * row, stored), (trained, kept));
    }

    [TestMethod]
    [DynamicData(nameof(Trained))]
    public void Fit_OfTrainedChoice_LowersTheLoss(string name)
    {
        var options = TinyBase.Quick with
        {
            Prefix = Choices[name],
            Training = new TrainingOptions
            {
                MaxSteps = 12,
                MaxEpochs = 12,
                BatchSize = 12,
                ValidationFraction = 0,
                WarmupSteps = 0
            },
        };
        using PrefixTuningTransformer model = TinyBase.Fit(Context, options);
        Assert.IsLessThan(model.TrainingSummary!.Losses[0], model.TrainingSummary.Losses[^1]);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Fit_FromRows_StartsFromTheTokensOfTheFirstOnes(bool embeddings)
    {
        PrefixOptions prefix = Short with
        {
            Method = embeddings ? PrefixMethod.EmbeddingOnly : PrefixMethod.Prefix,
        };
        string first = TinyBase.Rows(1).Single().Input;
        CollectionAssert.AreEqual(Start(prefix with { Start = PrefixStart.FromText(first) }),
            Start(prefix with { Start = PrefixStart.FromRows(1) }), "cut where the prefix ends");
        PrefixOptions longer = prefix with { Length = 100 };
        CollectionAssert.AreNotEqual(Start(longer with { Start = PrefixStart.FromRows(1) }),
            Start(longer with { Start = PrefixStart.FromRows(2) }), "the second row has no part");

        static byte[] Start(PrefixOptions options)
        {
            // Steps that move nothing.
            using PrefixTuningTransformer model = TinyBase.Fit(Context, TinyBase.Quick with
            {
                Prefix = options,
                Training = new TrainingOptions { MaxSteps = 1, LearningRate = 1e-30, ValidationFraction = 0 },
            });
            return model.Prefix!.ToBytes();
        }
    }

    [TestMethod]
    public void Fit_OfText_IsThePromptItself()
    {
        using PrefixTuningTransformer model =
            Fit(Short with { Method = PrefixMethod.Text, Start = PrefixStart.FromText(Source + "\n") },
            Decoding.Greedy);
        var whole = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions
            {
                Template = Source + "\n{input}\n",
                Generation = TinyBase.Quick.Generation,
            });
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        using PrefixTuningTransformer prompted = whole.Fit(rows);
        CollectionAssert.AreEqual(TinyBase.Texts(Context, prompted, TinyBase.Rows(3)),
            TinyBase.Texts(Context, model, TinyBase.Rows(3)));
        Assert.IsEmpty(model.TrainingSummary!.Losses);
    }

    [TestMethod]
    public void Fit_OfTextOnEncoderDecoder_WritesTexts()
    {
        PrefixTuningOptions options = TinyBase.Quick with { Prefix = new PrefixOptions { Method = PrefixMethod.Text } };
        using PrefixTuningTransformer model =
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, options)
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12)));
        CollectionAssert.AreEquivalent(new[] { AttentionSite.Encoder, AttentionSite.Decoder, AttentionSite.Cross },
            model.Prefix!.Sites.ToArray());
        Assert.HasCount(2, TinyBase.Texts(Context, model, TinyBase.Rows(2)));
    }

    [TestMethod]
    public void Fit_OfTriggerWords_TellsThem()
    {
        var context = new MLContext(seed: 1);
        var messages = new List<string>();
        context.Log += (_, entry) => messages.Add(entry.Message);
        var options = TinyBase.Quick with
        {
            Prefix = Short with { Method = PrefixMethod.TriggerWords(candidates: 4, steps: 8) },
            Training = TinyBase.Quick.Training with { MaxSteps = null, MaxEpochs = 10, ValidationFraction = 0 },
        };
        using PrefixTuningTransformer model = TinyBase.Fit(context, options);
        TrainingSummary summary = model.TrainingSummary!;
        string words = string.Join('|', summary.TriggerWords!);
        Assert.IsTrue(messages.Exists(message => message.Contains(words, StringComparison.Ordinal)),
            string.Join('\n', messages));
        Assert.HasCount(8, summary.Losses);
        Assert.IsNotEmpty(summary.TriggerWords!);
    }

    [TestMethod]
    public void Fit_OfTriggerWords_EndsWhenCancelled()
    {
        var fault = Assert.ThrowsExactly<OperationCanceledException>(() => Fit(CancellationBehavior.Throw));
        StringAssert.Contains(fault.Message, "after step 3 of 50");
        using PrefixTuningTransformer best = Fit(CancellationBehavior.ReturnBest);
        Assert.AreEqual(TrainingEnd.Cancelled, best.TrainingSummary!.End);
        Assert.HasCount(3, best.TrainingSummary.Losses);

        static PrefixTuningTransformer Fit(CancellationBehavior behavior)
        {
            using var source = new CancellationTokenSource();
            return TinyBase.Fit(Context, TinyBase.Quick with
            {
                Prefix = Short with { Method = PrefixMethod.TriggerWords(2, 50) },
                Training = new TrainingOptions
                {
                    BatchSize = 4,
                    MaxEpochs = 50,
                    WhenCancelled = behavior,
                    CancellationToken = source.Token,
                    Progress = progress =>
                    {
                        if (progress.Step == 3)
                            source.Cancel();
                    },
                },
            });
        }
    }

    [TestMethod]
    [DataRow("EmbeddingOnly")]
    [DataRow("Infix")]
    [DataRow("TriggerWords")]
    public void Fit_OfMethodThatEncoderDecodersLack_IsRefusedByName(string name)
    {
        PrefixMethod method = name switch
        {
            "EmbeddingOnly" => PrefixMethod.EmbeddingOnly,
            "Infix" => PrefixMethod.Infix,
            _ => PrefixMethod.TriggerWords(),
        };
        PrefixTuningOptions options = TinyBase.Quick with { Prefix = Short with { Method = method } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, options)
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(2))));
        StringAssert.StartsWith(fault.Message,
            "Prefix.Method: expected Prefix, Memory or Text, since a t5 base is an encoder-decoder model, found"
                + $" {name}.");
    }

    [TestMethod]
    public void Fit_OfPrefixLongerThanTheWindow_IsRefusedByName()
    {
        PrefixTuningOptions options =
            TinyBase.Quick with { Prefix = new PrefixOptions { Length = 20_000, Start = PrefixStart.Zero } };
        StringAssert.StartsWith(Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Fit(Context, options)).Message,
            "Prefix.Length: expected fewer tokens than the ");
    }

    [TestMethod]
    public void Fit_FromAnInfix_GoesOnWithIt()
    {
        using PrefixTuningTransformer first = Fit(Short with { Method = PrefixMethod.Infix }, Decoding.Greedy);
        var again = new PrefixOptions { Method = PrefixMethod.Infix, Start = PrefixStart.FromPrefix(first.Prefix!) };
        using PrefixTuningTransformer second = Fit(again, Decoding.Greedy);
        Assert.AreEqual(first.Prefix!.Convention, second.Prefix!.Convention);
        var wrong = Assert.ThrowsExactly<ArgumentException>(() =>
            Fit(again with { Method = PrefixMethod.Prefix }, Decoding.Greedy));
        StringAssert.StartsWith(wrong.Message,
            "Prefix.Start: expected a prefix that is no infix, or the method Infix, found an infix.");
    }

    private static PrefixTuningTransformer Fit(PrefixOptions prefix, Decoding decoding) =>
        TinyBase.Fit(Context, TinyBase.Quick with
        {
            Prefix = prefix,
            Generation = TinyBase.Quick.Generation with { Decoding = decoding },
        });

    private static (long Trained, long Stored) Counts(PrefixOptions prefix)
    {
        using PrefixTuningTransformer model = Fit(prefix, Decoding.Greedy);
        Assert.AreEqual(model.Prefix!.ParameterCount, model.TrainingSummary!.StoredParameters);
        return (model.TrainingSummary.TrainedParameters, model.TrainingSummary.StoredParameters);
    }

    private static long EmbeddingWidth()
    {
        using BaseLease lease = TinyBase.Hold();
        return lease.Base.Model.Spec.EmbeddingWidth;
    }

    private static long KeyValueWidth()
    {
        using BaseLease lease = TinyBase.Hold();
        HeadShape heads = lease.Base.Model.Spec.Decoder.Heads;
        return heads.KeyValueCount * heads.Size;
    }
}
