using System.Collections.Generic;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// silu(gate) * up (Shazeer 2020) for autograd, by <see cref="TrainedKernels"/>. Keeps gate and up. Must be used within
/// a dispose scope that outlives the way back.
/// </summary>
internal sealed unsafe class SwiGlu : autograd.SingleTensorFunction<SwiGlu>
{
    public override string Name => nameof(SwiGlu);

    /// <summary>silu(gate) * up.</summary>
    /// <param name="gate">[..., inner], of those that <see cref="TrainedKernels.Suits"/> says.</param>
    /// <param name="up">The same.</param>
    public static Tensor Of(Tensor gate, Tensor up)
    {
        // TorchSharp keeps an empty tensor of the result's size a function, until the way back: it ends here.
        using var scope = NewDisposeScope();
        return apply(gate, up).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <param name="context">Keeps gate and up.</param>
    /// <param name="arguments">Those of <see cref="Of"/>.</param>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (gate, up) = ((Tensor)arguments[0], (Tensor)arguments[1]);
        // Without what they come from: else a graph ends function within function, and the stack with its depth.
        context.save_for_backward([gate.detach(), up.detach()]);
        nint width = (nint)gate.size(Axis.Last), rows = (nint)gate.numel() / width;
        Tensor product = empty_like(gate);
        fixed (byte* g = gate.bytes, u = up.bytes, p = product.bytes)
            TrainedKernels.Run(new Forward(g, u, p, width), rows, width, gate.dtype);
        return product;
    }

    public override List<Tensor> backward(autograd.AutogradContext context, Tensor gradient) =>
        WayBack.Guarded(() => Gradients(context, gradient), gradient, gradient.shape, gradient.shape);

    private static List<Tensor> Gradients(autograd.AutogradContext context, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        List<Tensor> saved = context.get_saved_variables();
        Tensor gate = saved[0], up = saved[1], ofProduct = gradient.contiguous();
        Tensor ofGate = empty_like(ofProduct), ofUp = empty_like(ofProduct);
        nint width = (nint)gate.size(Axis.Last), rows = (nint)gate.numel() / width;
        fixed (byte* g = gate.bytes, u = up.bytes, from = ofProduct.bytes, toGate = ofGate.bytes, toUp = ofUp.bytes)
            TrainedKernels.Run(new Backward(g, u, from, toGate, toUp, width), rows, width, gate.dtype);
        return [ofGate.MoveToOuterDisposeScope(), ofUp.MoveToOuterDisposeScope()];
    }

    private readonly struct Forward(byte* gate, byte* up, byte* product, nint width) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do<T, TKept>(nint row)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            nint start = row * width * TKept.Bytes, i = 0;
            byte* g = gate + start, u = up + start, p = product + start;
            for (; i <= width - Lanes.Count; i += Lanes.Count)
                TKept.Store(Product(TKept.Load<T>(g, i), TKept.Load<T>(u, i)), p, i);
            if (i < width)
            {
                RowRest.Store<T, TKept>(Product(RowRest.Load<T, TKept>(g, i, width),
                    RowRest.Load<T, TKept>(u, i, width)), p, i, width);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static T Product<T>(T gate, T up)
            where T : struct, ILanes<T> =>
            T.Multiply(T.Divide(gate, T.Add(T.All(1), T.Exp(T.Multiply(T.All(-1), gate)))), up);
    }

    private readonly struct Backward(byte* gate, byte* up, byte* ofProduct, byte* ofGate, byte* ofUp, nint width)
        : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Do<T, TKept>(nint row)
            where T : struct, ILanes<T>
            where TKept : struct, IKeptNumbers
        {
            nint start = row * width * TKept.Bytes, i = 0;
            byte* g = gate + start, u = up + start, from = ofProduct + start;
            byte* toGate = ofGate + start, toUp = ofUp + start;
            for (; i <= width - Lanes.Count; i += Lanes.Count)
            {
                T own = TKept.Load<T>(g, i), of = TKept.Load<T>(from, i);
                T sigmoid = Sigmoid(own), silu = T.Multiply(own, sigmoid);
                TKept.Store(T.Multiply(T.Multiply(of, TKept.Load<T>(u, i)), Slope(sigmoid, silu)), toGate, i);
                TKept.Store(T.Multiply(of, silu), toUp, i);
            }
            if (i < width)
            {
                T own = RowRest.Load<T, TKept>(g, i, width), of = RowRest.Load<T, TKept>(from, i, width);
                T sigmoid = Sigmoid(own), silu = T.Multiply(own, sigmoid);
                T weighted = T.Multiply(of, RowRest.Load<T, TKept>(u, i, width));
                RowRest.Store<T, TKept>(T.Multiply(weighted, Slope(sigmoid, silu)), toGate, i, width);
                RowRest.Store<T, TKept>(T.Multiply(of, silu), toUp, i, width);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static T Sigmoid<T>(T x)
            where T : struct, ILanes<T> => T.Divide(T.All(1), T.Add(T.All(1), T.Exp(T.Multiply(T.All(-1), x))));

        // Of silu(x) = x sigmoid(x): sigmoid + silu (1 - sigmoid).
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static T Slope<T>(T sigmoid, T silu)
            where T : struct, ILanes<T> =>
            T.MultiplyAdd(silu, T.MultiplyAdd(T.All(-1), sigmoid, T.All(1)), sigmoid);
    }
}
