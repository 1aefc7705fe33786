using System;
using System.Diagnostics;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The one attention of all families: project, norm, rotate, remember, attend, project. Query heads that share a
/// key/value head are folded into the query axis, so that keys and values are never copied a group.
/// </summary>
internal static class Attention
{
    /// <summary>Self-attention of one layer.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="pass">Shape, weights, mask, rotation and memory of this layer.</param>
    /// <returns>[B, L, E].</returns>
    public static Tensor Self(Tensor x, in AttentionPass pass)
    {
        Tensor queries = Heads(pass.Weights.Query, x, pass.Shape.Count, pass.Shape.Size);          // [B, L, H, D]
        Tensor keys = Heads(pass.Weights.Key, x, pass.Shape.KeyValueCount, pass.Shape.Size);       // [B, L, G, D]
        Tensor values = Heads(pass.Weights.Value, x, pass.Shape.KeyValueCount, pass.Shape.Size);   // [B, L, G, D]
        queries = Normed(queries, pass.Weights.QueryNorm, pass.Stack);
        keys = Normed(keys, pass.Weights.KeyNorm, pass.Stack);
        Tensor? recalled = pass.Memory.Recall(pass.Site, pass.Layer, queries);                     // [B, L, H * D]
        bool isOneToken = RowKernels.Suits(queries) && RowKernels.Suits(keys) && RowKernels.Suits(values);
        if (pass.Rotation is var (cosine, sine))
        {
            queries = Rotary.Rotate(queries, cosine, sine);
            keys = Rotary.Rotate(keys, cosine, sine);
        }
        if (isOneToken && pass.Mask.Parts is null
            && pass.Memory.AppendToken(pass.Site, pass.Layer, keys, values) is { } places)
        {
            return Output(TokenAttention.Mix(queries, places, pass), recalled, pass);
        }
        var (allKeys, allValues) = pass.Memory.Append(pass.Site, pass.Layer,
            keys.transpose(Axis.Token, Axis.Key), values.transpose(Axis.Token, Axis.Key));
        return Attend(queries, allKeys, allValues, recalled, pass);
    }

    /// <summary>
    /// Attention to an encoder's output; keys and values were made once by <see cref="CrossKeysValues"/>.
    /// </summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    /// <param name="pass">Shape, weights and mask of this layer.</param>
    public static Tensor Cross(Tensor x, Tensor keys, Tensor values, in AttentionPass pass) =>
        Attend(Heads(pass.Weights.Query, x, pass.Shape.Count, pass.Shape.Size), keys, values, null, pass);

    /// <summary>Keys and values of an encoder's output for one layer's cross-attention.</summary>
    /// <param name="encoded">[B, source length, E].</param>
    /// <param name="weights">The layer's cross-attention.</param>
    /// <param name="shape">Its heads.</param>
    /// <returns>Both [B, G, source length, D].</returns>
    public static (Tensor Keys, Tensor Values) CrossKeysValues(Tensor encoded, AttentionWeights weights,
        HeadShape shape) =>
        (Heads(weights.Key, encoded, shape.KeyValueCount, shape.Size).transpose(Axis.Token, Axis.Key),
         Heads(weights.Value, encoded, shape.KeyValueCount, shape.Size).transpose(Axis.Token, Axis.Key));

    private static Tensor Heads(Linear projection, Tensor x, int count, int size) =>
        projection.Apply(x).view(x.size(Axis.Row), -1, count, size);

    private static Tensor Normed(Tensor heads, Norm? norm, StackSpec stack) => stack.QueryKeyNorm switch
    {
        QueryKeyNorm.None => heads,
        QueryKeyNorm.EachHead => norm!.Apply(heads, stack.Norm),
        QueryKeyNorm.AllHeads => norm!.Apply(heads.flatten(Axis.Key), stack.Norm).view(heads.shape),
        _ => throw new UnreachableException($"Query/key norm {stack.QueryKeyNorm} is not known here."),
    };

    private static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? recalled,
        in AttentionPass pass) => Output(pass.Mask.Parts is null ? Mix(queries, keys, values, pass)
            : PartedAttention.Mix(queries, keys, values, pass), recalled, pass);

    private static Tensor Output(Tensor mixed, Tensor? recalled, in AttentionPass pass) =>
        pass.Weights.Output.Apply(recalled is null ? mixed : mixed.Plus(recalled));

    /// <summary>What queries take from the values, before the projection.</summary>
    /// <param name="queries">[B, L, H, D].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    /// <param name="pass">Shape and mask of this layer, not in parts.</param>
    /// <returns>[B, L, H * D].</returns>
    public static Tensor Mix(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass)
    {
        if (pass.Mask.HeadsApart)
            return MixApart(queries, keys, values, pass);
        long rows = queries.size(Axis.Row), tokens = queries.size(Axis.Token);
        int groups = pass.Shape.KeyValueCount, size = pass.Shape.Size;
        // With one token a row, the heads already lie as they are wanted: decoding spares the turning.
        Tensor folded = tokens == 1 ? queries.view(rows, groups, -1, size)
            : queries.view(rows, tokens, groups, pass.Shape.Group, size)
                .permute(0, 2, 3, 1, 4).reshape(rows, groups, -1, size);                           // [B, G, R * L, D]
        Tensor mixed = tokens == 1 && !is_grad_enabled()
            ? MixWritten(folded, keys, values, pass)
            : MixFolded(folded, keys, values, pass);                                               // [B, G, R * L, D]
        return tokens == 1 ? mixed.reshape(rows, 1, -1)
            : mixed.view(rows, groups, pass.Shape.Group, tokens, size)
                .permute(0, 3, 1, 2, 4).reshape(rows, tokens, -1);                                 // [B, L, H * D]
    }

    private static Tensor MixFolded(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass) =>
        pass.Stack.ScoreCap is not null ? MixWritten(queries, keys, values, pass)
            : Fused(Scaled(queries, pass), keys, values, pass.Mask.Added);

    /// <summary>
    /// The fused kernel. On the CPU its way back takes three times as long in bfloat16 as in float32 for rows of the
    /// length that is trained on (docs/performance.md): what wants a gradient is widened.
    /// </summary>
    /// <param name="queries">[B, G, Q, D].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    /// <param name="mask">Added to scores, or null.</param>
    /// <returns>[B, G, Q, D], in the type of the queries.</returns>
    public static Tensor Fused(Tensor queries, Tensor keys, Tensor values, Tensor? mask)
    {
        ScalarType type = queries.dtype;
        return Widens(type, queries.device_type)
            ? nn.functional.scaled_dot_product_attention(queries.to(ScalarType.Float32), keys.to(ScalarType.Float32),
                values.to(ScalarType.Float32), mask?.to(ScalarType.Float32)).to(type)
            : nn.functional.scaled_dot_product_attention(queries, keys, values, mask);
    }

    /// <summary>Whether attention is made in float32 because a gradient may be wanted of it.</summary>
    /// <param name="type">Type of queries, keys and values.</param>
    /// <param name="device">Where they lie.</param>
    public static bool Widens(ScalarType type, TorchSharp.DeviceType device) =>
        type == ScalarType.BFloat16 && device == TorchSharp.DeviceType.CPU && is_grad_enabled();

    /// <summary>
    /// The same for long rows: the query heads of a group one after the other, so that a mask serves them all, and
    /// where they see all in front of them, none is made.
    /// </summary>
    /// <param name="queries">[B, L, H, D].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    /// <param name="pass">Shape and mask of this layer.</param>
    /// <returns>[B, L, H * D].</returns>
    private static Tensor MixApart(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass)
    {
        ScalarType type = queries.dtype;
        // Once for all heads: each keeps the keys and values that it was given for its way back.
        if (Widens(type, queries.device_type))
        {
            (queries, keys, values) = (queries.to(ScalarType.Float32), keys.to(ScalarType.Float32),
                values.to(ScalarType.Float32));
        }
        Tensor grouped = queries.view(queries.size(Axis.Row), -1, pass.Shape.KeyValueCount, pass.Shape.Group,
            pass.Shape.Size);                                                                      // [B, L, G, R, D]
        var mixed = new Tensor[pass.Shape.Group];
        for (int head = 0; head < mixed.Length; head++)
        {
            Tensor own = grouped.select(Axis.Group, head).transpose(Axis.Token, Axis.Key);         // [B, G, L, D]
            mixed[head] = (pass.Mask.IsCausal ? MixCausal(Scaled(own, pass), keys, values)
                : MixFolded(own, keys, values, pass)).transpose(Axis.Token, Axis.Key);             // [B, L, G, D]
        }
        return stack(mixed, Axis.Group).flatten(Axis.Key).to(type);
    }

    /// <summary>
    /// The kernel's causal order counts queries and keys from the first on: for the keys in front of the tokens there
    /// are queries of zeros, whose results are left out.
    /// </summary>
    /// <param name="queries">[B, G, L, D].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    private static Tensor MixCausal(Tensor queries, Tensor keys, Tensor values)
    {
        long front = keys.size(Axis.Key) - queries.size(Axis.Key);
        Tensor padded = front == 0 ? queries : nn.functional.pad(queries, [0, 0, front, 0]);
        return nn.functional.scaled_dot_product_attention(padded, keys, values, is_casual: true)
            .narrow(Axis.Key, front, queries.size(Axis.Key));
    }

    private static Tensor Scaled(Tensor queries, in AttentionPass pass) =>
        pass.QueryFactor == 1 ? queries : queries * Scalars.Real(pass.QueryFactor);

    /// <summary>
    /// The same written out: for capped scores, which the fused kernel cannot do, and for one new token a row: the
    /// kernel is made for many queries and takes several times as long for a batch of few (docs/performance.md).
    /// Softmax in float32.
    /// </summary>
    private static Tensor MixWritten(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass)
    {
        Tensor scaled = queries * Scalars.Real(pass.QueryFactor / Math.Sqrt(pass.Shape.Size));
        Tensor scores = scaled.matmul(keys.transpose(Axis.Key, Axis.Last));                        // [B, G, R * L, S]
        if (pass.Stack.ScoreCap is { } cap)
            scores = Layers.Capped(scores, cap);
        if (pass.Mask.Added is { } mask)
            scores.PlusInPlace(mask);
        return scores.softmax(Axis.Last, ScalarType.Float32).to(values.dtype).matmul(values);
    }
}

/// <summary>One layer's attention in one pass.</summary>
/// <param name="Site">Which attention.</param>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Stack">Heads, norms, scale and cap of scores.</param>
/// <param name="Weights">Frozen projections.</param>
/// <param name="Rotation">Cosine and sine [B, L, 1, pairs], or null.</param>
/// <param name="Mask">What queries do not see.</param>
/// <param name="Memory">Where keys and values go.</param>
internal readonly record struct AttentionPass(AttentionSite Site, int Layer, StackSpec Stack, AttentionWeights Weights,
    (Tensor Cosine, Tensor Sine)? Rotation, AttentionMask Mask, IKeyValueMemory Memory)
{
    public HeadShape Shape => Stack.Heads;

    /// <summary>What queries are multiplied with beyond one over the square root of the head size.</summary>
    public double QueryFactor => Stack.ScoreScale is { } scale ? scale * Math.Sqrt(Stack.Heads.Size) : 1;
}
