using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Attention of long rows, for which no mask of all queries of a group is made.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LongAttentionTests
{
    private const int Front = 3, Heads = 4, Groups = 2, Size = 8, Width = Heads * Size;

    private static readonly int[] s_lengths = [9, 5];

    [TestMethod]
    [DataRow(nameof(PrefixPlacement.Front), null, true)]
    [DataRow(nameof(PrefixPlacement.Front), 100, true)]
    [DataRow(nameof(PrefixPlacement.Front), 4, false)]
    [DataRow(nameof(PrefixPlacement.BeforeLastSourceToken), null, false)]
    [DataRow(nameof(PrefixPlacement.AfterSource), 4, false)]
    public void Self_WithHeadsApart_EqualsHeadsTogether(string placement, int? window, bool isCausal)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(PrefixConvention.DecoderOnly with
        {
            Placement = Enum.Parse<PrefixPlacement>(placement),
        });
        AttentionMask together = Mask(places, window, long.MaxValue), apart = Mask(places, window, 0);
        Assert.AreEqual((false, false), (together.HeadsApart, together.IsCausal));
        Assert.AreEqual((true, isCausal, !isCausal), (apart.HeadsApart, apart.IsCausal, apart.Added is not null));

        (float[] expected, float[] gradient) = Attend(together);
        (float[] found, float[] ofFound) = Attend(apart);

        AssertClose(expected, found);
        AssertClose(gradient, ofFound);
    }

    /// <summary>Eight thousand tokens behind a prefix: a mask would have 64 million numbers a head.</summary>
    [TestMethod]
    public void Make_OfALongRow_MakesNoTensorOfTokensByTokens()
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = TokenPlaces.Causal([new RowState(20, 0, 8000)], 8000, 20, 8020,
            PrefixConvention.DecoderOnly);
        long before = OwnTensors.Live;

        AttentionInput input = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU);

        Assert.IsNull(input.FullMask.Added);
        Assert.IsTrue(input.FullMask.IsCausal);
        Assert.AreEqual(1, OwnTensors.Live - before, "the positions alone");
    }

    [TestMethod]
    public void Make_WhereAllQueriesSeeAlike_MakesTheMaskOfOne()
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = TokenPlaces.Everywhere(s_lengths, 9, s_lengths, 9, Front);

        AttentionMask mask = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU).FullMask;

        CollectionAssert.AreEqual(new long[] { 2, 1, 1, Front + 9 }, mask.Added!.shape);
    }

    private static AttentionPlaces Places(PrefixConvention convention) => TokenPlaces.Causal(
        [.. s_lengths.Select(length => new RowState(Front, 0, length, length - 2))], s_lengths[0], Front,
        Front + s_lengths[0], convention);

    private static AttentionMask Mask(AttentionPlaces places, int? window, long mostNumbers)
    {
        StackSpec stack = Stack(window);
        return AttentionInput.Make(places, stack, null, ScalarType.Float32, CPU, mostNumbers).MaskOf(stack, 0);
    }

    /// <summary>The results of real tokens, and the gradient of the keys in front.</summary>
    private static (float[] Mixed, float[] Gradient) Attend(AttentionMask mask)
    {
        Tensor front = Values(1, 1, 2, Groups, Front, Size).requires_grad_();
        Linear Map(int seed, int outputs) => new(new WideMatrix(Values(seed, outputs, Width)), null);
        var weights = new AttentionWeights(Map(2, Width), Map(3, Groups * Size), Map(4, Groups * Size), Map(5, Width),
            null, null);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, Stack(null) with { ScoreScale = 0.4 }, weights,
            null, mask, new PrefixMemory(new SitePrefixes(new Dictionary<AttentionSite, Tensor>
            {
                [AttentionSite.Decoder] = front,
            }, PrefixConvention.DecoderOnly)));
        Tensor mixed = Attention.Self(Values(6, 2, s_lengths[0], Width), pass);
        Tensor real = cat([mixed[0], mixed[1].narrow(0, 0, s_lengths[1])], 0);
        Tensor gradient = autograd.grad([real], [front], [Values(7, s_lengths.Sum(), Width)])[0];
        return (real.detach().data<float>().ToArray(), gradient.contiguous().data<float>().ToArray());
    }

    private static Tensor Values(int seed, params long[] shape) =>
        tensor(new SeededRandom(seed, RandomPurpose.Start).Normal(shape.Aggregate(1L, (a, b) => a * b), 0.5), shape);

    private static void AssertClose(float[] expected, float[] found)
    {
        Assert.HasCount(expected.Length, found);
        Assert.IsLessThanOrEqualTo(2e-6 * expected.Max(Math.Abs),
            expected.Zip(found, (a, b) => Math.Abs(a - b)).Max());
    }

    private static StackSpec Stack(int? window) => new()
    {
        Layers = 1,
        Heads = new HeadShape(Heads, Groups, Size),
        Norm = new NormSpec(NormKind.RootMeanSquare, 1e-5),
        Residual = Residual.NormFirst,
        FeedForward = new FeedForwardSpec(Activation.Silu, 4, Gated: true),
        Positions = new RotaryPositions(new RotarySpec(10000, Size, new NoScaling())),
        Windows = window is null ? [] : [window],
    };
}
