using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>The network that makes a prefix from an embedding of its positions.</summary>
/// <param name="Hidden">Width of the hidden layers: 512 for tables and 800 for summaries in the paper.</param>
/// <param name="Depth">Hidden layers.</param>
/// <param name="Dropout">Share of keys and values that are dropped in training.</param>
internal sealed record PrefixNetworkShape(int Hidden = 512, int Depth = 1, double Dropout = 0)
{
    /// <summary>
    /// Highest learning rate where the options name none. All of the hidden layer moves each key and value, so the
    /// wider it is the less each weight may move: 1e-4 at 512 and 6e-5 at 800, where the paper takes 8e-5 and 5e-5
    /// (Table 6).
    /// </summary>
    public double DefaultLearningRate => 0.05 / Hidden;
}

/// <summary>
/// Embedding [P, e], then linear and tanh for every hidden layer, then linear to all layers' keys and values, e = G * D
/// (Li and Liang 2021, §4.3; names and layout as PEFT's PrefixEncoder). One site's; the parameters stay the
/// parametrisation's.
/// </summary>
internal sealed class PrefixNetwork
{
    private readonly SiteShape _site;
    private readonly double _dropout;
    private readonly Tensor _embedding;
    private readonly List<(Tensor Weight, Tensor Bias)> _layers = [];

    /// <summary>
    /// Makes a network with the usual starts: embedding N(0, 1), layers uniform within one over the square root of
    /// their width.
    /// </summary>
    /// <param name="site">Shape of its output.</param>
    /// <param name="shape">Width, depth, dropout.</param>
    /// <param name="random">For starting values.</param>
    /// <param name="train">Takes a named tensor of a shape with starting values as a parameter.</param>
    /// <param name="zeroOutput">Whether the last layer starts at zero, and with it the output.</param>
    public PrefixNetwork(SiteShape site, PrefixNetworkShape shape, SeededRandom random,
        Func<string, long[], float[], Tensor> train, bool zeroOutput = false)
    {
        (_site, _dropout) = (site, shape.Dropout);
        int width = site.KeyValueHeads * site.HeadSize, output = 2 * site.Layers * width;
        _embedding = train("embedding.weight", [site.Length, width], random.Normal((long)site.Length * width, 1));
        for (int layer = 0, from = width; layer <= shape.Depth; layer++, from = shape.Hidden)
        {
            bool last = layer == shape.Depth;
            int to = last ? output : shape.Hidden;
            double bound = last && zeroOutput ? 0 : 1 / Math.Sqrt(from);
            // The odd numbers are the activations', as torch numbers the parts of a sequence.
            string name = $"transform.{2 * layer}";
            Tensor weight = train($"{name}.weight", [to, from], random.Uniform((long)to * from, bound));
            _layers.Add((weight, train($"{name}.bias", [to], random.Uniform(to, bound))));
        }
    }

    /// <summary>The site's prefix.</summary>
    /// <param name="dropout">Numbers for dropout; null outside of training.</param>
    /// <returns>[N, 2, G, P, D].</returns>
    public Tensor Run(SeededRandom? dropout)
    {
        Tensor x = _embedding;
        for (int layer = 0; layer < _layers.Count; layer++)
        {
            x = nn.functional.linear(x, _layers[layer].Weight, _layers[layer].Bias);
            if (layer < _layers.Count - 1)
                x = x.tanh();
        }
        if (dropout is not null && _dropout > 0)
            x = x * Kept(dropout, x);
        return x.view(_site.Length, _site.Layers, 2, _site.KeyValueHeads, _site.HeadSize).permute(1, 2, 3, 0, 4);
    }

    private Tensor Kept(SeededRandom random, Tensor like)
    {
        var kept = new float[like.numel()];
        float factor = (float)(1 / (1 - _dropout));
        for (int i = 0; i < kept.Length; i++)
            kept[i] = random.Uniform() < _dropout ? 0 : factor;
        return AlignedTensor.Of(kept, like.shape, like.device);
    }
}
