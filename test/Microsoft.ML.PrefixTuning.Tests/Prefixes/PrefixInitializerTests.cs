using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Prefixes;

[TestClass]
[TestCategory("Quick")]
public sealed class PrefixInitializerTests
{
    private static readonly int[] Text = [5, 17, 9, 21], Row = [8, 30, 12, 3, 25];

    public static IEnumerable<object[]> Bases => FamilyCase.Folders
        .Where(folder => folder is "gpt2" or "llama" or "gpt-neox" or "opt" or "qwen3" or "gemma3")
            .Select(folder => new object[] { folder });

    [TestMethod]
    public void Make_FromTextForATinyBase_EqualsTheTextInFront()
    {
        using LanguageModel model = TinyTraining.Model();
        CheckInvariant(model, 1e-4);
    }

    [TestMethod]
    [DynamicData(nameof(Bases))]
    public void Make_FromText_EqualsTheTextInFront(string folder)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        CheckInvariant(frozen.Model, 1e-4);
    }

    [TestMethod]
    public void Make_FromTextForAnEncoderDecoder_FillsEverySiteAndTakesTheTextsPlace()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FamilyCase golden = FamilyCase.Open("bart-scaled");
        using FrozenBase frozen = golden.LoadBase();
        LanguageModel model = frozen.Model;
        AttentionSite[] sites = Enum.GetValues<AttentionSite>();
        Prefix prefix = PrefixInitializer.Make(new StartRequest
        {
            Model = model,
            Start = PrefixStart.DefaultText,
            Sites = sites,
            Length = 7,
            Convention = PrefixConvention.EncoderDecoder,
            Text = Text,
        });
        PrefixTensors.Check(prefix, model.Spec);
        CollectionAssert.AreEquivalent(sites, prefix.Sites.ToArray());
        // The cross site is what the decoder sees of the text as a source.
        EncodedSource source = EncodedSource.Make(model,
            TokenRows.Pad([PrefixInitializer.Fit([], Text, 7)], model.Device), SitePrefixes.None);
        SitePrefix cross = prefix.Part(AttentionSite.Cross)!;
        Tensor stored = tensor(cross.Values, cross.Shape);
        for (int layer = 0; layer < cross.Layers; layer++)
        {
            Assert.IsLessThanOrEqualTo(1e-5, (stored[layer][0] - source.Keys[layer][0]).abs().max().ToDouble());
            Assert.IsLessThanOrEqualTo(1e-5, (stored[layer][1] - source.Values[layer][0]).abs().max().ToDouble());
        }
    }

    [TestMethod]
    [DataRow(new[] { 1 }, 6, new[] { 1, 5, 17, 9, 21, 5 })]
    [DataRow(new int[0], 6, new[] { 5, 17, 9, 21, 5, 17 })]
    [DataRow(new[] { 1 }, 3, new[] { 1, 5, 17 })]
    [DataRow(new[] { 1, 2 }, 4, new[] { 1, 2, 5, 17 })]
    public void Fit_AnyLength_RepeatsOrCutsTheTextBehindTheBeginToken(int[] opening, int length, int[] expected) =>
        CollectionAssert.AreEqual(expected, PrefixInitializer.Fit(opening, Text, length));

    [TestMethod]
    public void Fit_OfNoText_NamesTheOption()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => PrefixInitializer.Fit([1], [], 3));
        Assert.AreEqual("PrefixOptions.Start: expected a text of at least one token, found none.", fault.Message);
    }

    [TestMethod]
    public void Make_AtRandom_FollowsScaleAndSeed()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] one = TinyTraining.Values(TinyTraining.Start(model, PrefixStart.Random(0.5), 200, 1));
        float[] same = TinyTraining.Values(TinyTraining.Start(model, PrefixStart.Random(0.5), 200, 1));
        float[] other = TinyTraining.Values(TinyTraining.Start(model, PrefixStart.Random(0.5), 200, 2));
        CollectionAssert.AreEqual(one, same);
        CollectionAssert.AreNotEqual(one, other);
        Assert.AreEqual(0.0, one.Average(value => (double)value), 0.02);
        Assert.AreEqual(0.25, one.Average(value => (double)value * value), 0.02);
    }

    [TestMethod]
    public void Make_FromZero_IsZero()
    {
        using LanguageModel model = TinyTraining.Model();
        Assert.IsTrue(TinyTraining.Values(TinyTraining.Start(model, PrefixStart.Zero)).All(value => value == 0));
    }

    [TestMethod]
    public void Make_FromAPrefix_GivesItOrRefusesAnotherBases()
    {
        using LanguageModel model = TinyTraining.Model();
        Prefix given = TinyTraining.Start(model, PrefixStart.Random(1), 9);
        Assert.AreSame(given, TinyTraining.Start(model, PrefixStart.FromPrefix(given)));
        var foreign = new Prefix([new(AttentionSite.Decoder, new SiteShape(3, 2, 1, 8).With(new float[96]))],
            PrefixConvention.DecoderOnly);
        Assert.ThrowsExactly<InvalidOperationException>(() =>
            TinyTraining.Start(model, PrefixStart.FromPrefix(foreign)));
    }

    private static void CheckInvariant(LanguageModel model, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Prefix prefix = PrefixInitializer.Make(new StartRequest
        {
            Model = model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = 6,
            Convention = PrefixConvention.DecoderOnly,
            Text = Text,
            Opening = [1],
        });
        Tensor with = LogitsTests.Run(model, [Row], prefix);
        Tensor front = LogitsTests.Run(model, [[1, .. Text, Text[0], .. Row]], null).narrow(1, 6, Row.Length);
        Assert.IsLessThanOrEqualTo(tolerance, (with - front).abs().max().ToDouble());
    }
}
