using System;
using System.Collections.Generic;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Attention of many queries, a part of them after the other, so that neither scores nor a mask of all queries and keys
/// exist. For autograd the parts are one function that keeps queries, keys and values: on its way back, each part is
/// run a second time. Must be used within a dispose scope that outlives the way back.
/// </summary>
internal sealed class PartedAttention : autograd.SingleTensorFunction<PartedAttention>
{
    private const string Pass = "pass";

    public override string Name => nameof(PartedAttention);

    /// <summary>What queries take from the values.</summary>
    /// <param name="queries">[B, L, H, D].</param>
    /// <param name="keys">[B, G, S, D].</param>
    /// <param name="values">[B, G, S, D].</param>
    /// <param name="pass">Shape of this layer, and a mask in parts.</param>
    /// <returns>[B, L, H * D].</returns>
    public static Tensor Mix(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass)
    {
        if (!is_grad_enabled() || !(queries.requires_grad || keys.requires_grad || values.requires_grad))
            return OfParts(queries, keys, values, pass);
        // TorchSharp keeps an empty tensor of the result's size a function, until the way back: it ends here.
        using var scope = NewDisposeScope();
        return apply(queries, keys, values, pass).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <param name="context">Keeps queries, keys and values.</param>
    /// <param name="arguments">Those of <see cref="Mix"/>.</param>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (queries, keys, values) = ((Tensor)arguments[0], (Tensor)arguments[1], (Tensor)arguments[2]);
        var pass = (AttentionPass)arguments[3];
        // Without what they come from: else a graph ends function within function, and the stack with its depth.
        context.save_for_backward([queries.detach(), keys.detach(), values.detach()]);
        context.save_data(Pass, pass);
        return OfParts(queries, keys, values, pass);
    }

    public override List<Tensor> backward(autograd.AutogradContext context, Tensor gradient)
    {
        List<Tensor> saved = context.get_saved_variables();
        var pass = (AttentionPass)context.get_data(Pass);
        return [.. WayBack.Guarded(() => Gradients(saved, pass, gradient), gradient, saved[0].shape, saved[1].shape,
            saved[2].shape), null!];
    }

    private static List<Tensor> Gradients(List<Tensor> saved, AttentionPass pass, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        Tensor queries = saved[0].detach(), keys = saved[1].detach(), values = saved[2].detach();
        Tensor ofQueries = empty_like(queries);
        // Sums of several parts are made in float32, whatever the type of one.
        Tensor ofKeys = zeros(keys.shape, ScalarType.Float32, keys.device);
        Tensor ofValues = zeros(values.shape, ScalarType.Float32, values.device);
        ForEachPart(pass, (first, count, part) =>
        {
            using var gradientsOn = enable_grad();
            Tensor[] leaves = [queries.narrow(Axis.Token, first, count).detach().requires_grad_(),
                keys.detach().requires_grad_(), values.detach().requires_grad_()];
            Tensor mixed = Attention.Mix(leaves[0], leaves[1], leaves[2], part);
            IList<Tensor> gradients = autograd.grad([mixed], leaves, [gradient.narrow(Axis.Token, first, count)]);
            using var gradientsOff = no_grad();
            ofQueries.narrow(Axis.Token, first, count).copy_(gradients[0]);
            ofKeys.PlusInPlace(gradients[1]);
            ofValues.PlusInPlace(gradients[2]);
        });
        return [ofQueries.MoveToOuterDisposeScope(), ofKeys.to(keys.dtype).MoveToOuterDisposeScope(),
            ofValues.to(values.dtype).MoveToOuterDisposeScope()];
    }

    private static Tensor OfParts(Tensor queries, Tensor keys, Tensor values, in AttentionPass pass)
    {
        Tensor mixed = empty([queries.size(Axis.Row), queries.size(Axis.Token), pass.Shape.Count * pass.Shape.Size],
            queries.dtype, queries.device);
        ForEachPart(pass, (first, count, part) => mixed.narrow(Axis.Token, first, count)
            .copy_(Attention.Mix(queries.narrow(Axis.Token, first, count), keys, values, part)));
        return mixed;
    }

    /// <summary>Does something for some queries after the other, in a dispose scope of their own.</summary>
    /// <param name="pass">The layer's pass.</param>
    /// <param name="action">Called with the first query, their number, and the pass with their mask.</param>
    private static void ForEachPart(in AttentionPass pass, Action<int, int, AttentionPass> action)
    {
        MaskParts parts = pass.Mask.Parts!;
        for (int first = 0; first < parts.Queries; first += parts.Size)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(parts.Size, parts.Queries - first);
            action(first, count, pass with { Mask = parts.Of(first, count) });
        }
    }
}
