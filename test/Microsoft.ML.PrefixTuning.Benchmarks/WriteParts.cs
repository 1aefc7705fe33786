using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
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

    /// <summary>The same of several passes.</summary>
    public WriteParts Times(int passes) => new(passes * Products, passes * BestProducts, passes * Attention,
        passes * Elementwise, passes * Memory);

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
        StackSpec stack = model.Spec.Decoder;
        HeadShape heads = stack.Heads;
        RowState[] states = [.. Enumerable.Repeat(new RowState(0, columns - tokens, tokens), rows)];
        AttentionMask mask = AttentionInput.Make(
            TokenPlaces.Causal(states, tokens, 0, columns, PrefixConvention.DecoderOnly), stack, null, model.Type, CPU)
            .FullMask;
        var pass = new AttentionPass(AttentionSite.Decoder, 0, stack, model.Weights.Decoder.Blocks[0].Attention, null,
            mask, NoMemory.Instance);
        Tensor queries = Values(model.Type, rows, tokens, heads.Count, heads.Size);
        // The cache of single tokens is as narrow as the base is.
        FrozenMatrix key = model.Weights.Decoder.Blocks[0].Attention.Key.Weight;
        ScalarType type = key is StepMatrix step ? step.Kept.Type : model.Type;
        using var block = new KeyValueBlock(1, heads, type, CPU);
        if (tokens == 1 && block.IsInReach)
        {
            block.Ensure(rows, columns, long.MaxValue);
            WriteEverywhere(block, heads, rows, columns);
            KeyValuePlaces places = block.Places(0, new LaneRange(0, rows, 1),
                [.. Enumerable.Repeat(columns, rows)], columns);
            return BestTime.Of(() => TokenAttention.Mix(queries, places, pass));
        }
        Tensor keys = Values(model.Type, rows, heads.KeyValueCount, columns, heads.Size), values = keys.clone();
        return BestTime.Of(() => _ = mask.Parts is null ? Models.Attention.Mix(queries, keys, values, pass)
            : PartedAttention.Mix(queries, keys, values, pass));
    }

    private static void WriteEverywhere(KeyValueBlock block, HeadShape heads, int rows, int columns)
    {
        Tensor tokens = Values(ScalarType.Float32, rows, 1, heads.KeyValueCount, heads.Size);
        for (int column = 0; column < columns; column++)
            block.WriteTokens(0, new LaneRange(0, rows, 1), [.. Enumerable.Repeat(column, rows)], tokens, tokens);
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
        // Neither vanishes nor grows where it is taken again and again, in the place of the gate.
        Tensor up = full_like(gate, Scalars.Real(2));
        return BestTime.Of(() =>
        {
            block.AttentionNorm!.Apply(x, stack.Norm);
            Rotary.Rotate(queries, cosine, sine);
            Rotary.Rotate(keys, cosine, sine);
            block.FeedForwardNorm!.Apply(Added(), stack.Norm);
            if (RowKernels.Suits(gate))
                RowKernels.Gate(gate, up);
            else
                _ = nn.functional.silu(gate) * up;
            Added();
        });

        Tensor Added() => RowKernels.Suits(x) ? RowKernels.Sum(x, x, 1) : x.Plus(x);
    }

    private static double OfMemory(LanguageModel model, int rows, int tokens, int columns)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        using var block = new KeyValueBlock(1, stack.Heads, model.Type, CPU);
        block.Ensure(rows, columns, long.MaxValue);
        Tensor written = Values(model.Type, rows, tokens, stack.Heads.KeyValueCount, stack.Heads.Size);
        if (tokens == 1 && block.IsInReach)
        {
            int[] column = [.. Enumerable.Repeat(columns - 1, rows)];
            return BestTime.Of(() => block.WriteTokens(0, new LaneRange(0, rows, 1), column, written, written));
        }
        Tensor keys = written.transpose(Axis.Token, Axis.Key);
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
