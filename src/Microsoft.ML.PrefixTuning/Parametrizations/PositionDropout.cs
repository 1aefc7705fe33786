using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>
/// Dropout of the attention to a prefix (<see cref="TrainingOptions.PrefixDropout"/>): the values of whole positions
/// are left out of a layer. Their keys stay: one of the first positions often takes attention that is to go nowhere,
/// and without its key that would go somewhere.
/// </summary>
internal static class PositionDropout
{
    /// <summary>Leaves positions out.</summary>
    /// <param name="sites">A prefix as <see cref="TrainedPrefix.Materialize"/> gives it.</param>
    /// <param name="share">Share of the positions of a layer; with 0 nothing is made.</param>
    /// <param name="random">Says which.</param>
    /// <returns>The same shapes, differentiable; owned by the current dispose scope.</returns>
    public static IReadOnlyDictionary<AttentionSite, Tensor> Apply(IReadOnlyDictionary<AttentionSite, Tensor> sites,
        double share, SeededRandom random) => share == 0 ? sites
        // In an order that no dictionary has a say in.
        : sites.OrderBy(site => site.Key).ToDictionary(site => site.Key, site => Apply(site.Value, share, random));

    // A site is [N, 2, G, P, D] or [N, 2, K, G, P, D].
    private static Tensor Apply(Tensor site, double share, SeededRandom random)
    {
        long[] shape = site.shape;
        long layers = shape[0], length = shape[^2];
        float factor = (float)(1 / (1 - share));
        // [N, 2, P]: keys, then values.
        var kept = new float[layers * 2 * length];
        Array.Fill(kept, 1f);
        for (long layer = 0; layer < layers; layer++)
        {
            for (long position = 0; position < length; position++)
                kept[(layer * 2 + 1) * length + position] = random.Uniform() < share ? 0 : factor;
        }
        long[] broadcast = [layers, 2, .. Enumerable.Repeat(1L, shape.Length - 4), length, 1];
        return site * AlignedTensor.Of(kept, broadcast, site.device);
    }
}
