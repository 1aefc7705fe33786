using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Where the time of a training step goes: each part by itself at the step's shapes, forward and backward, the best of
/// several runs. Seconds a step.
/// </summary>
/// <param name="Products">Products with frozen weights, by the route that training takes.</param>
/// <param name="BestProducts">The same, each shape by the fastest route.</param>
/// <param name="Attention">Scores, softmax and mixing.</param>
/// <param name="Elementwise">Norms, rotation, activation, sums.</param>
/// <param name="Loss">The head, the loss and its gradient.</param>
/// <param name="BestHead">Of it the head's products alone, by the fastest route.</param>
/// <param name="Moves">Prefixes in front of keys and values, heads that are turned.</param>
/// <param name="Inputs">Embedding, masks, rotations, the choice of what is predicted: once a pass.</param>
/// <param name="Optimizer">The update of the prefix.</param>
internal sealed record TrainParts(double Products, double BestProducts, double Attention, double Elementwise,
    double Loss, double BestHead, double Moves, double Inputs, double Optimizer)
{
    /// <summary>A step of nothing but products by their best route, the head's among them, and attention.</summary>
    public double Bound => BestProducts + Attention + BestHead;

    /// <summary>All that is measured by itself.</summary>
    public double Sum => Products + Attention + Elementwise + Loss + Moves + Inputs + Optimizer;

    /// <summary>Measures the parts of a decoder-only base.</summary>
    /// <param name="model">The base.</param>
    /// <param name="rows">The rows of a typical batch.</param>
    /// <param name="prefix">The prefix that is trained.</param>
    /// <param name="packing">What rows of one source have in common.</param>
    public static TrainParts Measure(LanguageModel model, TrainingExample[] rows, TrainedPrefix prefix,
        RowPacking packing)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        int length = prefix.Bake().Length;
        RowState[] states = [.. RowPack.Of(rows, packing).Select(pack =>
            new RowState(length, 0, pack.Tokens - pack.Rows.Count, pack.Source.Length, pack.Branches))];
        int batch = states.Length, width = states.Max(state => state.New);
        BlockWeights block = model.Weights.Decoder.Blocks[0];
        Linear[] products = [.. new[] { block.Attention.Query, block.Attention.Key, block.Attention.Value,
            block.Attention.Output, block.Gate, block.Up, block.Down }.OfType<Linear>()];
        (double Taken, double Best)[] times = [.. products.Select(linear => OfProduct(linear, batch * width))];
        AttentionPlaces places = TokenPlaces.Causal(states, width, length, length + width, prefix.Convention);
        AttentionInput input = AttentionInput.Make(places, stack, null, model.Type, CPU);
        (int, int, int) shape = (batch, width, length);
        (_, double head) = OfProduct(new Linear(model.Weights.Head, null), rows.Sum(row => (long)row.Target.Length));
        double layers = stack.Layers;
        return new TrainParts(layers * times.Sum(time => time.Taken), layers * times.Sum(time => time.Best),
            layers * OfAttention(stack, input, shape, model.Type), layers * OfElements(model, input, (batch, width)),
            OfLoss(model, rows), head, layers * OfMoves(stack, shape, model.Type, prefix.Convention),
            OfInputs(model, rows, places), OfOptimizer(prefix));
    }

    /// <summary>x W^T, and the gradient of x: g W.</summary>
    private static (double Taken, double Best) OfProduct(Linear linear, long tokens)
    {
        using var scope = NewDisposeScope();
        Tensor weight = ((WideMatrix)linear.Weight).Tensor;
        Tensor x = Values(weight.dtype, tokens, weight.size(1)), y = Values(weight.dtype, tokens, weight.size(0));
        Tensor turned = weight.t().contiguous();
        double forward = Best(() => nn.functional.linear(x, weight).Dispose());
        double backward = Best(() => y.mm(weight).Dispose());
        double other = Best(() => x.mm(turned).Dispose());
        double otherBack = Best(() => nn.functional.linear(y, turned).Dispose());
        return (forward + backward, Math.Min(forward, other) + Math.Min(backward, otherBack));
    }

    private static double OfAttention(StackSpec stack, AttentionInput input, (int Rows, int Width, int Front) shape,
        ScalarType type)
    {
        using var scope = NewDisposeScope();
        int groups = stack.Heads.KeyValueCount, size = stack.Heads.Size;
        Tensor queries = Values(type, shape.Rows, groups, stack.Heads.Group * shape.Width, size).requires_grad_();
        Tensor keys = Values(type, shape.Rows, groups, shape.Front + shape.Width, size).requires_grad_();
        Tensor values = Values(type, shape.Rows, groups, shape.Front + shape.Width, size).requires_grad_();
        Tensor gradient = ones_like(queries);
        return Best(() => autograd.grad(
            [Models.Attention.Fused(queries, keys, values, input.FullMask.Added)],
            [queries, keys, values], [gradient]));
    }

    /// <summary>A layer without its products and its attention.</summary>
    private static double OfElements(LanguageModel model, AttentionInput input, (int Rows, int Width) shape)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        BlockWeights block = model.Weights.Decoder.Blocks[0];
        var rotary = (RotaryPositions)stack.Positions;
        (float[] frequencies, double factor) = Rotary.Frequencies(rotary.Full);
        (Tensor cosine, Tensor sine) = Rotary.Angles(input.Positions, tensor(frequencies), factor, model.Type);
        Tensor x = Wanted(model.Spec.Width);
        Tensor queries = Heads(stack.Heads.Count), keys = Heads(stack.Heads.KeyValueCount);
        Tensor gate = Wanted(stack.FeedForward.Inner), up = Wanted(stack.FeedForward.Inner);
        return Best(() =>
        {
            Tensor[] made = [block.AttentionNorm!.Apply(x, stack.Norm), Rotary.Rotate(queries, cosine, sine),
                Rotary.Rotate(keys, cosine, sine), block.FeedForwardNorm!.Apply(x.Plus(x), stack.Norm),
                Layers.Gated(gate, up, stack.FeedForward.Activation), x.Plus(x)];
            autograd.grad(made, [x, queries, keys, gate, up], [.. made.Select(one => ones_like(one))]);
        });

        Tensor Wanted(int numbers) => Values(model.Type, shape.Rows, shape.Width, numbers).requires_grad_();

        Tensor Heads(int count) =>
            Values(model.Type, shape.Rows, shape.Width, count, stack.Heads.Size).requires_grad_();
    }

    /// <summary>What a layer does to its queries, keys and values around attention.</summary>
    private static double OfMoves(StackSpec stack, (int Rows, int Width, int Front) shape, ScalarType type,
        PrefixConvention convention)
    {
        using var scope = NewDisposeScope();
        HeadShape heads = stack.Heads;
        Tensor front = Values(type, 1, 2, heads.KeyValueCount, shape.Front, heads.Size).requires_grad_();
        Tensor keys = Values(type, shape.Rows, shape.Width, heads.KeyValueCount, heads.Size).requires_grad_();
        Tensor queries = Values(type, shape.Rows, shape.Width, heads.Count, heads.Size).requires_grad_();
        return Best(() =>
        {
            var memory = new PrefixMemory(new SitePrefixes(
                new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = front }, convention));
            (Tensor allKeys, Tensor allValues) = memory.Append(AttentionSite.Decoder, 0,
                keys.transpose(Axis.Token, Axis.Key), keys.transpose(Axis.Token, Axis.Key));
            Tensor folded = queries.view(shape.Rows, shape.Width, heads.KeyValueCount, heads.Group, heads.Size)
                .permute(0, 2, 3, 1, 4).reshape(shape.Rows, heads.KeyValueCount, -1, heads.Size);
            Tensor turned = folded.view(shape.Rows, heads.KeyValueCount, heads.Group, shape.Width, heads.Size)
                .permute(0, 3, 1, 2, 4).reshape(shape.Rows, shape.Width, -1);
            Tensor[] made = [allKeys, allValues, turned];
            autograd.grad(made, [front, keys, queries], [.. made.Select(one => ones_like(one))]);
        });
    }

    private static double OfInputs(LanguageModel model, TrainingExample[] rows, AttentionPlaces places)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = model.Spec.Decoder;
        Tensor ids = ones([places.Rows, places.Queries], ScalarType.Int64);
        Tensor chosen = arange(rows.Sum(row => row.Target.Length), ScalarType.Int64);
        (float[] frequencies, double factor) = Rotary.Frequencies(((RotaryPositions)stack.Positions).Full);
        Tensor divisors = tensor(frequencies);
        return Best(() =>
        {
            Tensor embedded = model.Embed(ids);
            AttentionInput input = AttentionInput.Make(places, stack, null, model.Type, CPU);
            Rotary.Angles(input.Positions, divisors, factor, model.Type);
            embedded.flatten(0, 1).index_select(0, chosen);
        });
    }

    private static double OfLoss(LanguageModel model, TrainingExample[] rows)
    {
        using var scope = NewDisposeScope();
        long[] labels = [.. rows.SelectMany(row => row.Target).Select(id => (long)id)];
        Tensor hidden = Values(model.Type, labels.Length, model.Spec.EmbeddingWidth), wanted = tensor(labels);
        return Best(() => TargetLoss.WithGradient(model, hidden, wanted, 0));
    }

    private static double OfOptimizer(TrainedPrefix prefix)
    {
        using var scope = NewDisposeScope();
        using var optimizer = new AdamW(prefix.Parameters, new TrainingOptions());
        Tensor[] gradients = [.. prefix.Parameters.Select(parameter => zeros_like(parameter.Value))];
        // Without gradient and rate nothing moves.
        return Best(() => optimizer.Step(gradients, 1, 0, 1));
    }

    private static Tensor Values(ScalarType type, params long[] shape) =>
        full(shape, Scalars.Real(0.01), type);

    private static double Best(Action action)
    {
        var times = new List<double>();
        for (int run = 0; run < 8; run++)
        {
            using var scope = NewDisposeScope();
            long start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return times.Skip(1).Min();
    }
}
