using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// <see cref="Rotary.Rotate"/> for autograd, by <see cref="TrainedKernels"/>. Keeps cosine and sine, which all layers
/// share: the gradient is turned back by the same angles. Must be used within a dispose scope that outlives the way
/// back.
/// </summary>
internal sealed unsafe class HeadRotation : autograd.SingleTensorFunction<HeadRotation>
{
    public override string Name => nameof(HeadRotation);

    /// <summary>Whether heads are of this kind.</summary>
    /// <param name="heads">[B, L, H, D].</param>
    /// <param name="cosine">[B, L, 1, pairs].</param>
    public static bool Suits(Tensor heads, Tensor cosine) => TrainedKernels.Suits(heads)
        && cosine.dtype == heads.dtype && cosine.size(Axis.Row) == heads.size(Axis.Row)
        && cosine.size(Axis.Token) == heads.size(Axis.Token) && cosine.is_contiguous();

    /// <summary>Heads turned by their angles.</summary>
    /// <param name="heads">[B, L, H, D].</param>
    /// <param name="cosine">[B, L, 1, pairs].</param>
    /// <param name="sine">The same.</param>
    /// <returns>[B, L, H, D], contiguous.</returns>
    public static Tensor Of(Tensor heads, Tensor cosine, Tensor sine)
    {
        // TorchSharp keeps an empty tensor of the result's size a function, until the way back: it ends here.
        using var scope = NewDisposeScope();
        return apply(heads, cosine, sine).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <param name="context">Keeps cosine and sine.</param>
    /// <param name="arguments">Those of <see cref="Of"/>.</param>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (heads, cosine, sine) = ((Tensor)arguments[0], (Tensor)arguments[1], (Tensor)arguments[2]);
        context.save_for_backward([cosine, sine]);
        return Turned(heads, cosine, sine, isBack: false);
    }

    public override List<Tensor> backward(autograd.AutogradContext context, Tensor gradient) =>
        [.. WayBack.Guarded(() => [Gradient(context, gradient)], gradient, gradient.shape), null!, null!];

    private static Tensor Gradient(autograd.AutogradContext context, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        List<Tensor> saved = context.get_saved_variables();
        return Turned(gradient, saved[0], saved[1], isBack: true).MoveToOuterDisposeScope();
    }

    /// <summary>Heads turned, contiguous.</summary>
    /// <param name="heads">[B, L, H, D]; a gradient lies as attention has left it.</param>
    /// <param name="cosine">[B, L, 1, pairs], contiguous.</param>
    /// <param name="sine">The same.</param>
    /// <param name="isBack">Whether they are turned by the negative angles.</param>
    private static Tensor Turned(Tensor heads, Tensor cosine, Tensor sine, bool isBack)
    {
        using var scope = NewDisposeScope();
        Tensor from = heads.stride((int)heads.dim() - 1) == 1 ? heads : heads.contiguous();
        Tensor turned = empty(heads.shape, heads.dtype, heads.device);
        // A span is of what lies without gaps: the first head.
        Tensor first = from.narrow(Axis.Row, 0, 1).narrow(Axis.Token, 0, 1).narrow(Axis.Key, 0, 1);
        var places = new HeadPlaces(from);
        fixed (byte* own = first.bytes, to = turned.bytes, cosines = cosine.bytes, sines = sine.bytes)
        {
            TrainedKernels.Run(new Turn(own, places, cosines, sines, (nint)cosine.size(Axis.Last), isBack ? -1 : 1, to),
                places.Rows * places.Tokens, places.Heads * places.Size, heads.dtype);
        }
        return turned.MoveToOuterDisposeScope();
    }

    /// <summary>How heads lie: how many there are, and numbers from one to the next.</summary>
    private readonly struct HeadPlaces(Tensor heads)
    {
        public readonly nint Rows = (nint)heads.size(Axis.Row);
        public readonly nint Tokens = (nint)heads.size(Axis.Token);
        public readonly nint Heads = (nint)heads.size(Axis.Key);
        public readonly nint Size = (nint)heads.size(Axis.Last);
        public readonly nint RowStep = (nint)heads.stride(Axis.Row);
        public readonly nint TokenStep = (nint)heads.stride(Axis.Token);
        public readonly nint HeadStep = (nint)heads.stride(Axis.Key);
    }

    /// <summary>Turns the heads of a token.</summary>
    private readonly struct Turn(byte* heads, HeadPlaces places, byte* cosines, byte* sines, nint pairs, float sense,
        byte* turned) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do<T, TKept>(nint row)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            nint start = row / places.Tokens * places.RowStep + row % places.Tokens * places.TokenStep;
            byte* from = heads + start * TKept.Bytes, to = turned + row * places.Heads * places.Size * TKept.Bytes;
            byte* cosine = cosines + row * pairs * TKept.Bytes, sine = sines + row * pairs * TKept.Bytes;
            nint behind = 2 * pairs * TKept.Bytes, rest = places.Size * TKept.Bytes - behind;
            for (nint head = 0; head < places.Heads; head++)
            {
                TurnHead<T, TKept>(from, cosine, sine, to);
                if (rest > 0)
                    new ReadOnlySpan<byte>(from + behind, (int)rest).CopyTo(new Span<byte>(to + behind, (int)rest));
                from += places.HeadStep * TKept.Bytes;
                to += places.Size * TKept.Bytes;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void TurnHead<T, TKept>(byte* from, byte* cosine, byte* sine, byte* to)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            T plus = T.All(sense), minus = T.All(-sense);
            byte* second = from + pairs * TKept.Bytes, toSecond = to + pairs * TKept.Bytes;
            nint i = 0;
            for (; i <= pairs - Lanes.Count; i += Lanes.Count)
            {
                T a = TKept.Load<T>(from, i), b = TKept.Load<T>(second, i);
                T c = TKept.Load<T>(cosine, i), s = TKept.Load<T>(sine, i);
                TKept.Store(T.MultiplyAdd(b, T.Multiply(minus, s), T.Multiply(a, c)), to, i);
                TKept.Store(T.MultiplyAdd(a, T.Multiply(plus, s), T.Multiply(b, c)), toSecond, i);
            }
            if (i < pairs)
            {
                T a = RowRest.Load<T, TKept>(from, i, pairs), b = RowRest.Load<T, TKept>(second, i, pairs);
                T c = RowRest.Load<T, TKept>(cosine, i, pairs), s = RowRest.Load<T, TKept>(sine, i, pairs);
                RowRest.Store<T, TKept>(T.MultiplyAdd(b, T.Multiply(minus, s), T.Multiply(a, c)), to, i, pairs);
                RowRest.Store<T, TKept>(T.MultiplyAdd(a, T.Multiply(plus, s), T.Multiply(b, c)), toSecond, i, pairs);
            }
        }
    }
}
