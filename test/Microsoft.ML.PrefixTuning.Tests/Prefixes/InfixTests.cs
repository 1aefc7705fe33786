using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Prefixes;

/// <summary>Where an infix stands: the keys and values of a text say what the text says in that place.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class InfixTests
{
    private static readonly int[] Source = [5, 6, 7, 8], Words = [21, 22, 23], Target = [9, 10, 2];

    [TestMethod]
    public void Infix_OfATextBeforeTheLastToken_SaysWhatTheTextSaysThere()
    {
        using LanguageModel model = TinyTraining.Model();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor keysAndValues = KeyValueCapture.OfPrompt(model,
            TrainedEmbeddings.EmbeddingsOf(model, [.. Source[..^1], .. Words]).unsqueeze(0));
        Tensor infix = keysAndValues.narrow(3, Source.Length - 1, Words.Length);
        Tensor found = Hidden(model, Source, infix, PrefixConvention.InfixBeforeLastToken);
        Tensor wanted = Hidden(model, [.. Source[..^1], .. Words, Source[^1]], null, PrefixConvention.DecoderOnly);
        Assert.IsLessThan(1e-4, (found - wanted).abs().max().ToDouble());
    }

    [TestMethod]
    public void Infix_BehindTheLastToken_LeavesTheFirstPredictionToTheBase()
    {
        using LanguageModel model = TinyTraining.Model();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor infix = KeyValueCapture.OfPrompt(model, TrainedEmbeddings.EmbeddingsOf(model, Words).unsqueeze(0));
        Tensor plain = Hidden(model, Source, null, PrefixConvention.DecoderOnly);
        Assert.AreEqual(0, Change(PrefixConvention.Infix, 0), 1e-5);
        Assert.IsGreaterThan(1e-2, Change(PrefixConvention.Infix, 1));
        Assert.IsGreaterThan(1e-2, Change(PrefixConvention.InfixBeforeLastToken, 0));

        double Change(PrefixConvention convention, int token) =>
            (Hidden(model, Source, infix, convention)[token] - plain[token]).abs().max().ToDouble();
    }

    private static Tensor Hidden(LanguageModel model, int[] source, Tensor? prefix, PrefixConvention convention) =>
        TargetStates.Make(model, [new TrainingExample(source, Target)],
            prefix is null ? SitePrefixes.None
                : new SitePrefixes(new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = prefix },
                    convention)).Hidden;
}
