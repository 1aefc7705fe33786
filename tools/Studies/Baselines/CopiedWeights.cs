using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>Tensors that move themselves: those of the base, or new ones in it.</summary>
internal sealed class CopiedWeights : TunedWeights
{
    // Near nothing, so that the base is what training starts from.
    private const double AdapterDeviation = 0.02;

    private CopiedWeights(LanguageModel frozen, string method, ModelWeights weights, LeafMaker maker)
        : base(frozen, weights, maker.Leaves, maker.Starts) => Method = method;

    public override string Method { get; }

    /// <summary>All weights of a base, but for a bias of its head.</summary>
    public static CopiedWeights All(LanguageModel frozen)
    {
        var maker = new LeafMaker();
        return new CopiedWeights(frozen, "all weights", WeightMap.All(frozen.Weights, maker.Copy), maker);
    }

    /// <summary>The topmost layers (FT-top2 of Li and Liang 2021 with two).</summary>
    public static CopiedWeights Top(LanguageModel frozen, int layers)
    {
        var maker = new LeafMaker();
        ModelWeights weights = WeightMap.Blocks(frozen.Weights, (block, layer, count) =>
            layer < count - layers ? block : WeightMap.Block(block, maker.Copy));
        return new CopiedWeights(frozen, $"top {layers} layers", weights, maker);
    }

    /// <summary>
    /// An adapter behind every layer: norm, E to the bottleneck, ReLU, and back, added; it starts by adding nothing.
    /// </summary>
    /// <param name="frozen">The base.</param>
    /// <param name="width">Width of the bottleneck.</param>
    /// <param name="seed">Seed of its start.</param>
    public static CopiedWeights Adapters(LanguageModel frozen, int width, int seed)
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(seed, RandomPurpose.Start);
        long hidden = frozen.Spec.Width;
        var maker = new LeafMaker();
        ModelWeights weights = WeightMap.Blocks(frozen.Weights, (block, _, _) => block with
        {
            Adapter = new BottleneckAdapter(
                new Linear(new WideMatrix(Random(width, hidden)), Zeros(width)),
                new Linear(new WideMatrix(Zeros(hidden, width)), Zeros(hidden))),
        });
        return new CopiedWeights(frozen, $"adapters of width {width}", weights, maker);

        Tensor Random(long rows, long columns) => maker.Copy(
            AlignedTensor.Of(
            random.Normal(rows * columns, AdapterDeviation), [rows, columns], frozen.Device, frozen.Type));

        Tensor Zeros(params long[] shape) => maker.Copy(zeros(shape, frozen.Type, frozen.Device));
    }

    /// <summary>The width of the bottleneck at which adapters have a share of the base's numbers; at least 1.</summary>
    public static int WidthFor(LanguageModel frozen, double share)
    {
        long hidden = frozen.Spec.Width;
        int layers = frozen.Spec.Decoder.Layers + (frozen.Spec.Encoder?.Layers ?? 0);
        double each = share * Count(frozen) / layers;
        return Math.Max(1, (int)Math.Round((each - hidden) / (2 * hidden + 1)));
    }

    /// <summary>Numbers of a base.</summary>
    public static long Count(LanguageModel frozen) => frozen.Weights.Owned.Sum(weight => weight.numel());

    protected override void Write()
    {
        for (int i = 0; i < Leaves.Count; i++)
            Leaves[i].copy_(Masters[i]);
    }

    protected override IEnumerable<Tensor> OfMasters(IReadOnlyList<Tensor> ofLeaves) => ofLeaves;
}
