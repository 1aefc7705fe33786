using System;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>What is done to each row of some tensors by itself.</summary>
internal interface IRowKernel
{
    /// <summary>Does a row. Throws nothing and asks for no memory, as any part of <see cref="SharedWork"/>.</summary>
    /// <typeparam name="T">Numbers that are worked on together.</typeparam>
    /// <typeparam name="TKept">How they lie.</typeparam>
    /// <param name="row">The row, from 0.</param>
    void Do<T, TKept>(nint row)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers;
}

/// <summary>
/// The small parts of a layer where a gradient is wanted, float32 or bfloat16 on the CPU: functions of autograd that go
/// over their numbers once on each way and keep nothing but what they were given, where torch's operators go over them
/// several times and keep what lies between (<see cref="RootMeanSquareNorm"/>, <see cref="SwiGlu"/>,
/// <see cref="HeadRotation"/>). Numbers are worked on in float32 and rounded once. A row is one thread's, so that its
/// bits depend neither on how many there are nor on other rows. Torch's operators are their equals
/// (<c>TrainedKernelsTests</c>) and serve everything else.
/// </summary>
internal static class TrainedKernels
{
    // Numbers of a part, some tens of microseconds: below, waking another thread costs more.
    private const int OfPart = 1 << 15;

    // A span holds no more bytes.
    private const long MostNumbers = int.MaxValue / sizeof(float);

    /// <summary>Whether something is of this kind.</summary>
    /// <param name="x">[...].</param>
    public static bool Suits(Tensor x) => is_grad_enabled() && x.requires_grad
        && x.device_type == TorchSharp.DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.BFloat16
        && x.numel() is > 0 and <= MostNumbers && x.is_contiguous();

    /// <summary>Does something to all rows.</summary>
    /// <param name="kernel">What is done.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="type">Type of the numbers, float32 or bfloat16.</param>
    public static void Run<TKernel>(TKernel kernel, nint rows, nint width, ScalarType type)
        where TKernel : struct, IRowKernel
    {
        SharedWork work = type == ScalarType.BFloat16
            ? Lanes.AreWide ? new Work<TKernel, WideLanes, KeptBFloat16>(kernel, rows, width)
                : new Work<TKernel, PairedLanes, KeptBFloat16>(kernel, rows, width)
            : Lanes.AreWide ? new Work<TKernel, WideLanes, KeptFloat32>(kernel, rows, width)
                : new Work<TKernel, PairedLanes, KeptFloat32>(kernel, rows, width);
        work.Run(get_num_threads());
    }

    private sealed class Work<TKernel, T, TKept>(TKernel kernel, nint rows, nint width) : SharedWork
        where TKernel : struct, IRowKernel
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        private readonly nint _rowsOfPart = Math.Max(1, OfPart / width);

        protected override int Parts => (int)((rows + _rowsOfPart - 1) / _rowsOfPart);

        protected override void Do(int part, int thread)
        {
            nint row = part * _rowsOfPart, end = Math.Min(rows, row + _rowsOfPart);
            for (; row < end; row++)
                kernel.Do<T, TKept>(row);
        }
    }
}

/// <summary>
/// What lies behind the last whole step of a row, as sixteen numbers: behind its end there are zeros, which nobody
/// writes.
/// </summary>
internal static unsafe class RowRest
{
    /// <summary>Reads them.</summary>
    /// <param name="numbers">The row.</param>
    /// <param name="place">The first of them.</param>
    /// <param name="end">Numbers of the row.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static T Load<T, TKept>(byte* numbers, nint place, nint end)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        float* rest = stackalloc float[Lanes.Count];
        T.Store(T.All(0), rest);
        for (nint i = place; i < end; i++)
            rest[i - place] = TKept.One(numbers, i);
        return T.Load(rest);
    }

    /// <summary>Writes them.</summary>
    /// <param name="lanes">The numbers.</param>
    /// <param name="numbers">The row.</param>
    /// <param name="place">The first of them.</param>
    /// <param name="end">Numbers of the row.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store<T, TKept>(T lanes, byte* numbers, nint place, nint end)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        float* rest = stackalloc float[Lanes.Count];
        T.Store(lanes, rest);
        for (nint i = place; i < end; i++)
            TKept.StoreOne(rest[i - place], numbers, i);
    }
}
