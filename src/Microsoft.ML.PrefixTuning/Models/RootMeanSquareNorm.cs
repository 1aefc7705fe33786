using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x / sqrt(mean(x^2) + epsilon) * weight over the innermost axis (Zhang and Sennrich 2019) for autograd, by
/// <see cref="TrainedKernels"/>. Keeps x, in its type; the mean of squares is made once more on the way back. Must be
/// used within a dispose scope that outlives the way back.
/// </summary>
internal sealed unsafe class RootMeanSquareNorm : autograd.SingleTensorFunction<RootMeanSquareNorm>
{
    private const string Epsilon = "epsilon";

    public override string Name => nameof(RootMeanSquareNorm);

    /// <summary>Whether a norm is of this kind: with a frozen weight in float32.</summary>
    /// <param name="x">[..., E].</param>
    /// <param name="weight">[E].</param>
    public static bool Suits(Tensor x, Tensor weight) => !weight.requires_grad && weight.dtype == ScalarType.Float32
        && weight.is_contiguous() && TrainedKernels.Suits(x);

    /// <summary>The norm.</summary>
    /// <param name="x">[..., E].</param>
    /// <param name="weight">[E], float32.</param>
    /// <param name="epsilon">Added to the mean of squares.</param>
    public static Tensor Of(Tensor x, Tensor weight, double epsilon)
    {
        // TorchSharp keeps an empty tensor of the result's size a function, until the way back: it ends here.
        using var scope = NewDisposeScope();
        return apply(x, weight, epsilon).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <param name="context">Keeps x, weight and epsilon.</param>
    /// <param name="arguments">Those of <see cref="Of"/>.</param>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (x, weight) = ((Tensor)arguments[0], (Tensor)arguments[1]);
        float epsilon = (float)(double)arguments[2];
        // Without what it comes from: else a graph ends function within function, and the stack with its depth.
        context.save_for_backward([x.detach(), weight]);
        context.save_data(Epsilon, epsilon);
        nint width = (nint)x.size(Axis.Last), rows = (nint)x.numel() / width;
        Tensor normed = empty_like(x);
        fixed (byte* from = x.bytes, factors = weight.bytes, to = normed.bytes)
            TrainedKernels.Run(new Forward(from, factors, to, width, epsilon), rows, width, x.dtype);
        return normed;
    }

    public override List<Tensor> backward(autograd.AutogradContext context, Tensor gradient) =>
        [.. WayBack.Guarded(() => [Gradient(context, gradient)], gradient, gradient.shape), null!, null!];

    private static Tensor Gradient(autograd.AutogradContext context, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        List<Tensor> saved = context.get_saved_variables();
        float epsilon = (float)context.get_data(Epsilon);
        Tensor x = saved[0], weight = saved[1], ofNormed = gradient.contiguous(), ofX = empty_like(ofNormed);
        nint width = (nint)x.size(Axis.Last), rows = (nint)x.numel() / width;
        fixed (byte* own = x.bytes, factors = weight.bytes, from = ofNormed.bytes, to = ofX.bytes)
            TrainedKernels.Run(new Backward(own, factors, from, to, width, epsilon), rows, width, x.dtype);
        return ofX.MoveToOuterDisposeScope();
    }

    private static float Inverse<T>(T squares, nint width, float epsilon)
        where T : struct, ILanes<T> => 1 / MathF.Sqrt(T.Sum(squares) / width + epsilon);

    private readonly struct Forward(byte* x, byte* weight, byte* normed, nint width, float epsilon) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do<T, TKept>(nint row)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            nint start = row * width * TKept.Bytes, i = 0;
            byte* from = x + start, to = normed + start;
            T squares = T.All(0);
            for (; i <= width - Lanes.Count; i += Lanes.Count)
            {
                T numbers = TKept.Load<T>(from, i);
                squares = T.MultiplyAdd(numbers, numbers, squares);
            }
            T rest = i < width ? RowRest.Load<T, TKept>(from, i, width) : T.All(0);
            squares = T.MultiplyAdd(rest, rest, squares);
            T inverse = T.All(Inverse(squares, width, epsilon));
            for (i = 0; i <= width - Lanes.Count; i += Lanes.Count)
            {
                T scaled = T.Multiply(TKept.Load<T>(from, i), inverse);
                TKept.Store(T.Multiply(scaled, KeptFloat32.Load<T>(weight, i)), to, i);
            }
            if (i < width)
            {
                T last = T.Multiply(T.Multiply(rest, inverse), RowRest.Load<T, KeptFloat32>(weight, i, width));
                RowRest.Store<T, TKept>(last, to, i, width);
            }
        }
    }

    // With h = gradient * weight and r the inverse root: r h - x r^3 mean(h x).
    private readonly struct Backward(byte* x, byte* weight, byte* ofNormed, byte* ofX, nint width, float epsilon)
        : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do<T, TKept>(nint row)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            nint start = row * width * TKept.Bytes, i = 0;
            byte* own = x + start, from = ofNormed + start, to = ofX + start;
            T squares = T.All(0), dots = T.All(0);
            for (; i <= width - Lanes.Count; i += Lanes.Count)
            {
                T numbers = TKept.Load<T>(own, i);
                squares = T.MultiplyAdd(numbers, numbers, squares);
                dots = T.MultiplyAdd(T.Multiply(TKept.Load<T>(from, i), KeptFloat32.Load<T>(weight, i)), numbers, dots);
            }
            T rest = T.All(0), ofRest = rest;
            if (i < width)
            {
                rest = RowRest.Load<T, TKept>(own, i, width);
                ofRest = T.Multiply(RowRest.Load<T, TKept>(from, i, width),
                    RowRest.Load<T, KeptFloat32>(weight, i, width));
            }
            squares = T.MultiplyAdd(rest, rest, squares);
            dots = T.MultiplyAdd(ofRest, rest, dots);
            float inverse = Inverse(squares, width, epsilon);
            T factor = T.All(inverse), slope = T.All(-inverse * inverse * inverse * (T.Sum(dots) / width));
            for (i = 0; i <= width - Lanes.Count; i += Lanes.Count)
            {
                T weighted = T.Multiply(TKept.Load<T>(from, i), KeptFloat32.Load<T>(weight, i));
                TKept.Store(T.MultiplyAdd(TKept.Load<T>(own, i), slope, T.Multiply(weighted, factor)), to, i);
            }
            if (i < width)
                RowRest.Store<T, TKept>(T.MultiplyAdd(rest, slope, T.Multiply(ofRest, factor)), to, i, width);
        }
    }
}
