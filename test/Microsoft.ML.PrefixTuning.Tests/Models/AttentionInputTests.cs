using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Masks and relative biases against the rule of <see cref="AttentionPlaces"/>, place by place.</summary>
[TestClass]
public sealed class AttentionInputTests
{
    private const int Rows = 3, Queries = 4, Keys = 7, Group = 2;

    [TestMethod]
    [DataRow(1, false)]
    [DataRow(2, false)]
    [DataRow(3, false)]
    [DataRow(4, true)]
    [DataRow(5, true)]
    public void Make_OfAnyPlaces_HidesWhatTheRuleHides(int seed, bool areBranched)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(seed, areBranched);
        StackSpec stack = Stack(new RotaryPositions(new RotarySpec(10000, 4, new NoScaling())), window: 3);

        AttentionInput input = AttentionInput.Make(places, stack, null, ScalarType.Float32, CPU);

        foreach ((Tensor? mask, int? window) in ((Tensor?, int?)[])
            [(input.FullMask.Added, null), (input.WindowMask.Added, 3)])
        {
            CollectionAssert.AreEqual(new long[] { Rows, 1, Group * Queries, Keys }, mask!.shape);
            float[] values = mask.data<float>().ToArray();
            for (int i = 0; i < values.Length; i++)
            {
                int key = i % Keys, query = i / Keys % Queries, row = i / (Keys * Queries * Group);
                Assert.AreEqual(Sees(places, row, query, key, window) ? 0 : -1e30f, values[i], $"{row} {query} {key}");
            }
        }
    }

    /// <summary>Widened by each layer, it would be kept by each; and what it was made from does not stay.</summary>
    [TestMethod]
    public void Make_InBFloat16ForAGradient_MakesTheMaskInFloat32AndNothingElse()
    {
        using var scope = NewDisposeScope();
        StackSpec stack = Stack(new RotaryPositions(new RotarySpec(10000, 4, new NoScaling())), window: null);
        long before = OwnTensors.Live;

        AttentionInput input = AttentionInput.Make(Places(1), stack, null, ScalarType.BFloat16, CPU);

        Assert.AreEqual(2, OwnTensors.Live - before, "positions and mask");
        Assert.AreEqual(ScalarType.Float32, input.FullMask.Added!.dtype);
        using var noGradient = no_grad();
        Assert.AreEqual(ScalarType.BFloat16,
            AttentionInput.Make(Places(1), stack, null, ScalarType.BFloat16, CPU).FullMask.Added!.dtype);
    }

    [TestMethod]
    public void Make_WhereEveryQuerySeesEveryKey_MakesNoMask()
    {
        using var scope = NewDisposeScope();
        var places = new AttentionPlaces(1, 2, 70_000);
        Array.Clear(places.KeyOrder);

        AttentionInput input = AttentionInput.Make(places,
            Stack(new RotaryPositions(new RotarySpec(10000, 4, new NoScaling())), window: null), null,
            ScalarType.Float32, CPU);

        Assert.IsNull(input.FullMask.Added);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Make_WithRelativePositions_AddsTheBiasOfEachDistance(bool bidirectional)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(seed: 4);
        var positions = new RelativePositions(8, 16, bidirectional);
        StackSpec stack = Stack(positions, window: null);
        Tensor table = arange(8 * 4, ScalarType.Float32).view(8, 4).clone();

        Tensor bias = AttentionInput.Make(places, stack with { Heads = new HeadShape(4, 4, 4) }, table,
            ScalarType.Float32, CPU).FullMask.Added!;

        float[] values = bias.contiguous().data<float>().ToArray(), ofTable = table.data<float>().ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            int key = i % Keys, query = i / Keys % Queries, head = i / (Keys * Queries) % 4;
            int row = i / (Keys * Queries * 4);
            int to = places.KeyPosition[row * Keys + key], from = (int)places.QueryPosition[row * Queries + query];
            float expected = to == AttentionPlaces.NoPosition ? 0
                : ofTable[RelativeBias.Bucket(to - from, positions) * 4 + head];
            Assert.AreEqual(expected + (Sees(places, row, query, key, null) ? 0 : -1e30f), values[i]);
        }
    }

    private static bool Sees(AttentionPlaces places, int row, int query, int key, int? window)
    {
        int q = row * Queries + query, k = row * Keys + key;
        return places.KeyOrder[k] <= places.QueryOrder[q]
            && (places.KeyBranch is not { } branches || branches[k] == 0 || branches[k] == places.QueryBranch![q])
            && (window is null || places.KeyExempt[k] || places.QueryColumn[q] - places.KeyColumn[k] < window);
    }

    private static AttentionPlaces Places(int seed, bool areBranched = false)
    {
        var random = new Random(seed);
        var places = new AttentionPlaces(Rows, Queries, Keys, areBranched);
        for (int q = 0; q < Rows * Queries; q++)
        {
            (places.QueryPosition[q], places.QueryOrder[q], places.QueryColumn[q]) =
                (random.Next(9), random.Next(9), random.Next(9));
        }
        for (int k = 0; k < Rows * Keys; k++)
        {
            places.KeyPosition[k] = random.Next(4) == 0 ? AttentionPlaces.NoPosition : random.Next(9);
            places.KeyOrder[k] = random.Next(5) == 0 ? AttentionPlaces.Hidden : random.Next(-3, 9);
            (places.KeyColumn[k], places.KeyExempt[k]) = (random.Next(-3, 9), random.Next(3) == 0);
        }
        for (int q = 0; areBranched && q < Rows * Queries; q++)
            places.QueryBranch![q] = random.Next(3);
        for (int k = 0; areBranched && k < Rows * Keys; k++)
            places.KeyBranch![k] = random.Next(3);
        return places;
    }

    private static StackSpec Stack(Positions positions, int? window) => new()
    {
        Layers = 1,
        Heads = new HeadShape(4, 4 / Group, 4),
        Norm = new NormSpec(NormKind.RootMeanSquare, 1e-5),
        Residual = Residual.NormFirst,
        FeedForward = new FeedForwardSpec(Activation.Silu, 4, Gated: true),
        Positions = positions,
        Windows = window is null ? [] : [window],
    };
}
