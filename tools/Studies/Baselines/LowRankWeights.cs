using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>
/// LoRA (Hu et al. 2022) on the queries and values of every self-attention: W + alpha / r B A, without dropout. The
/// graph reads the sum, and what comes back for it goes on to A and B: the same numbers as two products beside the
/// frozen one.
/// </summary>
internal sealed class LowRankWeights : TunedWeights
{
    // The peers' default of the ratio: alpha is twice the rank.
    private const double Factor = 2;

    private readonly Tensor[] _frozen;
    private readonly int _rank;

    private LowRankWeights(LanguageModel frozen, ModelWeights weights, LeafMaker maker, IReadOnlyList<Tensor> start,
        int rank)
        : base(frozen, weights, maker.Leaves, start) => (_frozen, _rank) = ([.. maker.Starts], rank);

    public override string Method => $"LoRA of rank {_rank} on queries and values, alpha {Factor * _rank}";

    /// <summary>Starts with B zero: nothing is added.</summary>
    /// <param name="frozen">The base.</param>
    /// <param name="rank">r.</param>
    /// <param name="seed">Seed of A.</param>
    public static LowRankWeights Make(LanguageModel frozen, int rank, int seed)
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(seed, RandomPurpose.Start);
        var maker = new LeafMaker();
        ModelWeights weights = WeightMap.Blocks(frozen.Weights, (block, _, _) => block with
        {
            Attention = block.Attention with
            {
                Query = Moved(block.Attention.Query),
                Value = Moved(block.Attention.Value),
            },
        });
        return new LowRankWeights(frozen, weights, maker, [.. maker.Starts.SelectMany(Parts)], rank);

        Linear Moved(Linear linear) => linear with { Weight = WeightMap.Matrix(linear.Weight, maker.Copy) };

        // A as torch starts a linear map, B zero.
        Tensor[] Parts(Tensor weight) =>
        [
            AlignedTensor.Of(random.Uniform(rank * weight.size(1), 1 / Math.Sqrt(weight.size(1))),
                [rank, weight.size(1)], frozen.Device),
            zeros([weight.size(0), rank], device: frozen.Device),
        ];
    }

    protected override void Write()
    {
        for (int i = 0; i < Leaves.Count; i++)
        {
            using var scope = NewDisposeScope();
            Tensor added = Masters[2 * i + 1].matmul(Masters[2 * i]).mul_(Scalars.Real(Factor));
            Leaves[i].copy_(_frozen[i].to(ScalarType.Float32).Plus(added));
        }
    }

    protected override IEnumerable<Tensor> OfMasters(IReadOnlyList<Tensor> ofLeaves)
    {
        for (int i = 0; i < ofLeaves.Count; i++)
        {
            Tensor ofWeight = ofLeaves[i].mul(Scalars.Real(Factor));
            yield return Masters[2 * i + 1].t().matmul(ofWeight);
            yield return ofWeight.matmul(Masters[2 * i].t());
        }
    }
}
