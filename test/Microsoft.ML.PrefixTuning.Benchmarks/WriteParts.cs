using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Where the time of a pass goes when text is read or written: each part by itself at the pass's shapes, the best of
/// several runs. Seconds a pass.
/// </summary>
/// <param name="Products">Products with the base's matrices, the head's included.</param>
/// <param name="BestProducts">The same, each shape by the fastest route of its precision.</param>
/// <param name="Attention">Scores, softmax and mixing.</param>
/// <param name="Elementwise">Norms, rotation, activation, sums.</param>
/// <param name="Memory">Writing of keys and values.</param>
internal sealed record WriteParts(double Products, double BestProducts, double Attention, double Elementwise,
    double Memory)
{
    /// <summary>A pass of nothing but products by their best route and attention.</summary>
    public double Bound => BestProducts + Attention;

    /// <summary>All that is measured by itself.</summary>
    public double Sum => Products + Attention + Elementwise + Memory;

    /// <summary>Measures the parts of a decoder-only base.</summary>
    /// <param name="model">The base.</param>
    /// <param name="rows">Rows of the pass.</param>
    /// <param name="tokens">New tokens of each.</param>
    /// <param name="columns">Keys that a row sees.</param>
    public static WriteParts Measure(LanguageModel model, int rows, int tokens, int columns)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        BlockWeights block = model.Weights.Decoder.Blocks[0];
        Linear[] maps = [.. new[] { block.Attention.Query, block.Attention.Key, block.Attention.Value,
            block.Attention.Output, block.Gate, block.Up, block.Down }.OfType<Linear>()];
        double layers = model.Spec.Decoder.Layers;
        (double Taken, double Best)[] times = [.. maps.Select(map => OfProduct(map.Weight, rows * tokens))];
        // Of a row only its last token has scores.
        (double Taken, double Best) head = OfProduct(model.Weights.Head, rows);
        return new WriteParts(layers * times.Sum(time => time.Taken) + head.Taken,
            layers * times.Sum(time => time.Best) + head.Best,
            layers * OfAttention(model, rows, tokens, columns), layers * OfElements(model, rows, tokens),
            layers * OfMemory(model, rows, tokens, columns));
    }

    private static (double Taken, double Best) OfProduct(FrozenMatrix matrix, int rows)
    {
        using var scope = NewDisposeScope();
        Tensor x = Values(matrix.Type, rows, matrix.Columns);
        double taken = BestTime.Of(() => matrix.Product(x, null));
        if (matrix is StepMatrix step)
            return (taken, Math.Min(taken, OfProduct(step.Kept, rows).Best));
        if (matrix is not WideMatrix { Tensor: var weight })
            return (taken, taken);
        Tensor turned = weight.t().contiguous(), front = x.t().contiguous();
        return (taken, new[] { taken, BestTime.Of(() => nn.functional.linear(x, weight)),
            BestTime.Of(() => x.mm(turned)), BestTime.Of(() => weight.mm(front)) }.Min());
    }

    private static double OfAttention(LanguageModel model, int rows, int tokens, int columns)
    {
        using var scope = NewDisposeScope();
        HeadShape heads = model.Spec.Decoder.Heads;
        Tensor queries = Values(model.Type, rows, heads.KeyValueCount, heads.Group * tokens, heads.Size);
        Tensor keys = Values(model.Type, rows, heads.KeyValueCount, columns, heads.Size), values = keys.clone();
        if (tokens > 1)
        {
            Tensor mask = zeros([rows, 1, heads.Group * tokens, columns], model.Type);
            return BestTime.Of(() => nn.functional.scaled_dot_product_attention(queries, keys, values, mask));
        }
        return BestTime.Of(() => (queries * Scalars.Real(0.125)).matmul(keys.transpose(Axis.Key, Axis.Last))
            .softmax(Axis.Last, ScalarType.Float32).to(model.Type).matmul(values));
    }

    /// <summary>A layer without its products, its attention and its memory.</summary>
    private static double OfElements(LanguageModel model, int rows, int tokens)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        BlockWeights block = model.Weights.Decoder.Blocks[0];
        (float[] frequencies, double factor) = Rotary.Frequencies(((RotaryPositions)stack.Positions).Full);
        Tensor positions = arange(tokens, ScalarType.Int64).expand(rows, -1);
        (Tensor cosine, Tensor sine) = Rotary.Angles(positions, tensor(frequencies), factor, model.Type);
        Tensor x = Values(model.Type, rows, tokens, model.Spec.Width);
        Tensor queries = Values(model.Type, rows, tokens, stack.Heads.Count, stack.Heads.Size);
        Tensor keys = Values(model.Type, rows, tokens, stack.Heads.KeyValueCount, stack.Heads.Size);
        Tensor gate = Values(model.Type, rows, tokens, stack.FeedForward.Inner);
        return BestTime.Of(() =>
        {
            block.AttentionNorm!.Apply(x, stack.Norm);
            Rotary.Rotate(queries, cosine, sine);
            Rotary.Rotate(keys, cosine, sine);
            block.FeedForwardNorm!.Apply(x.Plus(x), stack.Norm);
            _ = x.Plus(nn.functional.silu(gate).mul_(gate).narrow(Axis.Last, 0, x.size(Axis.Last)));
        });
    }

    private static double OfMemory(LanguageModel model, int rows, int tokens, int columns)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        using var block = new KeyValueBlock(1, stack.Heads, model.Type, CPU);
        block.Ensure(rows, columns, long.MaxValue);
        Tensor keys = Values(model.Type, rows, tokens, stack.Heads.KeyValueCount, stack.Heads.Size)
            .transpose(Axis.Token, Axis.Key);
        var places = new List<long>();
        for (int row = 0; row < rows; row++)
        {
            for (int head = 0; head < stack.Heads.KeyValueCount; head++)
                places.AddRange(Enumerable.Range(0, tokens).Select(token => block.Place(row, head, token)));
        }
        Tensor where = tensor(places.ToArray());
        return BestTime.Of(() => block.Write(0, where, keys, keys));
    }

    private static Tensor Values(ScalarType type, params long[] shape) => full(shape, Scalars.Real(0.01), type);
}
