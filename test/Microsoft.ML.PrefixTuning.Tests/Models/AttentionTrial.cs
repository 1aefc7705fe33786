using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>One layer's attention behind a prefix, with numbers from seeds.</summary>
internal static class AttentionTrial
{
    /// <summary>Tokens of the prefix.</summary>
    public const int Front = 3;

    /// <summary>H.</summary>
    public const int Heads = 4;

    private const int Groups = 2, Size = 8, Width = Heads * Size;

    public static AttentionPlaces Places(string placement, int[] lengths) => placement == "everywhere"
        ? TokenPlaces.Everywhere(lengths, lengths[0], lengths, lengths[0], Front)
        : placement == "branches"
        ? TokenPlaces.Causal([.. lengths.Select(length => new RowState(Front, 0, length, 2, [2, length - 4]))],
            lengths[0], Front, Front + lengths[0], PrefixConvention.DecoderOnly)
        : TokenPlaces.Causal([.. lengths.Select(length => new RowState(Front, 0, length, length - 2))], lengths[0],
            Front, Front + lengths[0],
            PrefixConvention.DecoderOnly with { Placement = Enum.Parse<PrefixPlacement>(placement) });

    public static AttentionMask Mask(AttentionPlaces places, StackSpec stack, long mostNumbers) =>
        AttentionInput.Make(places, stack, stack.Positions is RelativePositions ? Bias() : null, ScalarType.Float32,
            CPU, mostNumbers).MaskOf(stack, 0);

    public static Tensor Bias() => Values(8, 8, Heads);

    /// <summary>The results of real tokens, and the gradients of the keys in front and of the tokens.</summary>
    public static float[][] Attend(AttentionMask mask, int[] lengths, StackSpec stack)
    {
        Tensor front = FrontOf(stack).requires_grad_(), x = Tokens(lengths).requires_grad_();
        Tensor real = Real(mask, lengths, stack, front, x);
        Tensor[] gradients = [.. autograd.grad([real], [front, x], [Values(7, lengths.Sum(), Width)])];
        return [.. gradients.Prepend(real.detach()).Select(made => made.contiguous().data<float>().ToArray())];
    }

    public static float[] Mixed(AttentionMask mask, int[] lengths, StackSpec stack) =>
        Real(mask, lengths, stack, FrontOf(stack), Tokens(lengths)).data<float>().ToArray();

    private static Tensor Tokens(int[] lengths) => Values(6, lengths.Length, lengths[0], Width);

    private static Tensor FrontOf(StackSpec stack) => Values(1, 1, 2, stack.Heads.KeyValueCount, Front, Size);

    private static Tensor Real(AttentionMask mask, int[] lengths, StackSpec stack, Tensor front, Tensor x)
    {
        int keys = stack.Heads.KeyValueCount * Size;
        Linear Map(int seed, int outputs) => new(new WideMatrix(Values(seed, outputs, Width)), null);
        var weights = new AttentionWeights(Map(2, Width), Map(3, keys), Map(4, keys), Map(5, Width), null, null);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, stack with { ScoreScale = 0.4 }, weights, null, mask,
            new PrefixMemory(new SitePrefixes(new Dictionary<AttentionSite, Tensor>
            {
                [AttentionSite.Decoder] = front,
            }, PrefixConvention.DecoderOnly)));
        Tensor mixed = Attention.Self(x, pass);
        return cat([.. lengths.Select((length, row) => mixed[row].narrow(0, 0, length))], 0);
    }

    private static Tensor Values(int seed, params long[] shape) =>
        tensor(new SeededRandom(seed, RandomPurpose.Start).Normal(shape.Aggregate(1L, (a, b) => a * b), 0.5), shape);

    public static StackSpec OfKind(string kind)
    {
        StackSpec stack = Stack(kind.Contains("window", StringComparison.Ordinal) ? 4 : null);
        if (kind.Contains("cap", StringComparison.Ordinal))
            stack = stack with { ScoreCap = 0.5 };
        return kind != "bias" ? stack : stack with
        {
            Positions = new RelativePositions(8, 16, Bidirectional: true),
            Heads = new HeadShape(Heads, Heads, Size),
        };
    }

    public static StackSpec Stack(int? window) => new()
    {
        Layers = 1,
        Heads = new HeadShape(Heads, Groups, Size),
        Norm = new NormSpec(NormKind.RootMeanSquare, 1e-5),
        Residual = Residual.NormFirst,
        FeedForward = new FeedForwardSpec(Activation.Silu, 4, Gated: true),
        Positions = new RotaryPositions(new RotarySpec(10000, Size, new NoScaling())),
        Windows = window is null ? [] : [window],
    };
}
