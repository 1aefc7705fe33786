using System;
using System.Diagnostics;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// The least time that a step's products and its attention take, each at its own shape on this machine at this moment:
/// forward, once more where layers are computed anew, and back to the inputs.
/// </summary>
internal static class ScaleBound
{
    private const int Rounds = 3;

    /// <summary>Seconds of a step.</summary>
    /// <param name="model">The shape.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens a row.</param>
    /// <param name="targets">Tokens of all rows that are predicted.</param>
    /// <param name="form">Type of products, and whether layers are computed anew.</param>
    public static double OfStep(ScaleModel model, int rows, int tokens, int targets,
        (ScalarType Type, bool IsRecomputed) form)
    {
        using var noGradient = no_grad();
        int forward = form.IsRecomputed ? 2 : 1;
        double layer = model.LayerMatrices.GroupBy(one => (one.Out, one.In)).Sum(group =>
        {
            (double there, double back) = OfProduct(rows * tokens, group.Key, form.Type);
            return group.Count() * (forward * there + back);
        });
        (double logits, double ofHidden) = OfProduct(targets, model.Head, form.Type);
        // Back, attention has five products where it has two forward.
        return model.Layers * (layer + (forward + 2.5) * OfAttention(model, rows, tokens, form.Type)) + logits
            + ofHidden;
    }

    private static (double There, double Back) OfProduct(int rows, (int Out, int In) shape, ScalarType type)
    {
        using var scope = NewDisposeScope();
        Tensor x = ones([rows, shape.In], type), y = ones([rows, shape.Out], type);
        Tensor weight = ones([shape.Out, shape.In], type);
        return (Least(() => nn.functional.linear(x, weight).Dispose()), Least(() => y.matmul(weight).Dispose()));
    }

    private static double OfAttention(ScaleModel model, int rows, int tokens, ScalarType type)
    {
        using var scope = NewDisposeScope();
        int group = model.Heads / model.SharedHeads;
        Tensor queries = ones([rows, model.SharedHeads, group * tokens, model.HeadSize], type);
        Tensor keys = ones([rows, model.SharedHeads, tokens, model.HeadSize], type);
        return Least(() => nn.functional.scaled_dot_product_attention(queries, keys, keys).Dispose());
    }

    private static double Least(Action action)
    {
        action();
        return Enumerable.Range(0, Rounds).Min(_ =>
        {
            long start = Stopwatch.GetTimestamp();
            action();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
    }
}
