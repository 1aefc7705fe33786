using System;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.AttentionTrial;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Attention of long rows, for which no mask of all queries and heads is made.</summary>
[TestClass]
public sealed class LongAttentionTests
{
    private static readonly int[] s_lengths = [9, 5];

    [TestMethod]
    [DataRow(nameof(PrefixPlacement.Front), null)]
    [DataRow(nameof(PrefixPlacement.Front), 100)]
    public void Self_WithHeadsApart_EqualsHeadsTogether(string placement, int? window)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(placement, s_lengths);
        AttentionMask together = Mask(places, Stack(window), long.MaxValue), apart = Mask(places, Stack(window), 0);
        Assert.AreEqual((false, false), (together.HeadsApart, together.IsCausal));
        Assert.AreEqual(new AttentionMask(null, HeadsApart: true, IsCausal: true), apart);

        AssertEqual(Attend(together, s_lengths, Stack(window)), Attend(apart, s_lengths, Stack(window)));
    }

    /// <summary>Parts of one query, and of several with a smaller one at the end.</summary>
    [TestMethod]
    [DataRow(nameof(PrefixPlacement.Front), "window", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "window", 400)]
    [DataRow(nameof(PrefixPlacement.BeforeLastSourceToken), "", 400)]
    [DataRow(nameof(PrefixPlacement.AfterSource), "window", 400)]
    [DataRow(nameof(PrefixPlacement.Front), "cap", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "cap", 400)]
    [DataRow(nameof(PrefixPlacement.AfterSource), "cap window", 400)]
    [DataRow(nameof(PrefixPlacement.Front), "bias", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "bias", 400)]
    [DataRow("branches", "", 0)]
    [DataRow("branches", "", 400)]
    [DataRow("branches", "window", 400)]
    [DataRow("everywhere", "bias", 0)]
    [DataRow("everywhere", "bias", 400)]
    public void Self_WithQueriesInParts_EqualsAllAtOnce(string placement, string kind, int mostNumbers)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(placement, s_lengths);
        StackSpec stack = OfKind(kind);
        AttentionMask together = Mask(places, stack, long.MaxValue), parts = Mask(places, stack, mostNumbers);
        Assert.IsNull(together.Parts);
        Assert.IsNull(parts.Added);
        Assert.AreEqual(mostNumbers == 0 ? 1 : 4, parts.Parts!.Size);

        AssertEqual(Attend(together, s_lengths, stack), Attend(parts, s_lengths, stack));
        using var noGradient = no_grad();
        AssertClose(Mixed(together, s_lengths, stack), Mixed(parts, s_lengths, stack));
    }

    /// <summary>A bias that is trained has a gradient of its own.</summary>
    [TestMethod]
    public void Make_WithABiasThatIsTrained_MakesTheMaskWhole()
    {
        using var scope = NewDisposeScope();
        AttentionMask mask = AttentionInput.Make(Places("everywhere", s_lengths), OfKind("bias"),
            Bias().requires_grad_(), ScalarType.Float32, CPU, 0).FullMask;
        Assert.IsNull(mask.Parts);
        Assert.IsTrue(mask.Added!.requires_grad);
    }

    /// <summary>Eight thousand tokens behind a prefix: a mask would have 64 million numbers a head.</summary>
    [TestMethod]
    [DataRow("")]
    [DataRow("window")]
    [DataRow("cap")]
    [DataRow("bias")]
    public void Make_OfALongRow_MakesNoTensorOfTokensByTokens(string kind)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = OfKind(kind);
        AttentionPlaces places = TokenPlaces.Causal([new RowState(20, 0, 8000)], 8000, 20, 8020,
            PrefixConvention.DecoderOnly);
        Tensor? bias = kind == "bias" ? Bias() : null;
        long before = OwnTensors.Live;

        AttentionInput input = AttentionInput.Make(places, stack, bias, ScalarType.Float32, CPU);

        AttentionMask mask = input.MaskOf(stack, 0);
        Assert.IsNull(mask.Added);
        Assert.AreEqual((kind == "", kind != ""), (mask.IsCausal, mask.Parts is not null));
        Assert.AreEqual(1, OwnTensors.Live - before, "the positions alone");
        if (mask.Parts is not { } parts)
            return;
        Assert.IsLessThanOrEqualTo(1L << 22, 8020L * Heads * parts.Size);
        Assert.IsLessThanOrEqualTo(1L << 22, parts.Of(4000, parts.Size).Added!.numel());
    }

    /// <summary>
    /// Forward and back over 2,500 tokens and four heads: what every part takes stays, what all would take (25 million
    /// biases, 6 million distances) is not made.
    /// </summary>
    [TestMethod]
    public void Self_WithQueriesInParts_TakesNoMemoryOfTokensByTokens()
    {
        Assert.IsGreaterThan(150, Megabytes(long.MaxValue), "the measure sees what is made");
        Assert.IsLessThan(75, Megabytes(1L << 20));

        static int Megabytes(long mostNumbers)
        {
            string told = ChildProcess.Run(AttentionChild.Attend, mostNumbers.ToString(CultureInfo.InvariantCulture));
            return int.Parse(told, CultureInfo.InvariantCulture);
        }
    }

    [TestMethod]
    public void Make_WhereAllQueriesSeeAlike_MakesTheMaskOfOne()
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = TokenPlaces.Everywhere(s_lengths, 9, s_lengths, 9, Front);

        AttentionMask mask = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU).FullMask;

        CollectionAssert.AreEqual(new long[] { 2, 1, 1, Front + 9 }, mask.Added!.shape);
    }

    private static void AssertEqual(float[][] expected, float[][] found)
    {
        Assert.HasCount(expected.Length, found);
        for (int i = 0; i < expected.Length; i++)
            AssertClose(expected[i], found[i]);
    }

    private static void AssertClose(float[] expected, float[] found)
    {
        Assert.HasCount(expected.Length, found);
        Assert.IsLessThanOrEqualTo(2e-6 * expected.Max(Math.Abs),
            expected.Zip(found, (a, b) => Math.Abs(a - b)).Max());
    }
}
