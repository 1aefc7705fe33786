using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Threading.Tasks;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// Whether weights hold neither NaN nor infinity: numbers whose exponent bits are all set. Reads the memory once,
/// without arithmetic, on all cores.
/// </summary>
internal static class FiniteCheck
{
    // Bytes a task reads: long enough that starting it costs nothing, short enough to share out evenly.
    private const int BlockBytes = 1 << 18;

    // A span holds less than 2 GiB.
    private const int LargestSpan = 1 << 30;

    /// <summary>What is said of a tensor that holds others.</summary>
    public static FormatException Fault(TensorInfo tensor) => Fault(tensor.What);

    /// <inheritdoc cref="Fault(TensorInfo)"/>
    public static FormatException Fault(string what) =>
        new($"{what}: expected finite values, found NaN or infinity (not finite).");

    /// <summary>Looks at every element of a tensor in CPU memory.</summary>
    /// <param name="tensor">Any shape; types that are not floating are finite.</param>
    public static bool AllFinite(Tensor tensor)
    {
        if (tensor.numel() == 0)
            return true;
        if (!tensor.is_contiguous())
        {
            using Tensor copy = tensor.contiguous();
            return AllFinite(copy);
        }
        return tensor.dtype switch
        {
            ScalarType.BFloat16 => AllFinite<ushort>(tensor, 0x7F80),
            ScalarType.Float16 => AllFinite<ushort>(tensor, 0x7C00),
            ScalarType.Float32 => AllFinite<uint>(tensor, 0x7F80_0000),
            ScalarType.Float64 => AllFinite<ulong>(tensor, 0x7FF0_0000_0000_0000),
            _ => true,
        };
    }

    private static bool AllFinite<T>(Tensor tensor, T exponent)
        where T : unmanaged
    {
        using Tensor flat = tensor.view(-1);
        long count = flat.numel(), step = LargestSpan / Marshal.SizeOf<T>();
        for (long i = 0; i < count; i += step)
        {
            using Tensor part = flat.narrow(0, i, Math.Min(step, count - i));
            if (!AllFiniteInParallel(MemoryMarshal.Cast<byte, T>(part.bytes), exponent))
                return false;
        }
        return true;
    }

    private static unsafe bool AllFiniteInParallel<T>(ReadOnlySpan<T> elements, T exponent)
        where T : unmanaged
    {
        int perBlock = BlockBytes / sizeof(T), count = elements.Length;
        if (count <= perBlock)
            return AllFinite(elements, exponent);
        // The memory is torch's: it does not move.
        T* first = (T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(elements));
        return Parallel.For(0, (count + perBlock - 1) / perBlock, (block, state) =>
        {
            int begin = block * perBlock;
            if (!AllFinite(new ReadOnlySpan<T>(first + begin, Math.Min(perBlock, count - begin)), exponent))
                state.Stop();
        }).IsCompleted;
    }

    /// <summary>Whether no element has all bits of <paramref name="exponent"/> set.</summary>
    internal static bool AllFinite<T>(ReadOnlySpan<T> elements, T exponent)
        where T : unmanaged
    {
        Vector512<T> wanted = Vector512.Create(exponent);
        int step = Vector512<T>.Count, i = 0;
        Vector512<T> found = Vector512<T>.Zero;
        for (; i <= elements.Length - 4 * step; i += 4 * step)
        {
            found |= Vector512.Equals(Vector512.Create(elements[i..]) & wanted, wanted)
                | Vector512.Equals(Vector512.Create(elements[(i + step)..]) & wanted, wanted)
                | Vector512.Equals(Vector512.Create(elements[(i + 2 * step)..]) & wanted, wanted)
                | Vector512.Equals(Vector512.Create(elements[(i + 3 * step)..]) & wanted, wanted);
        }
        if (found != Vector512<T>.Zero)
            return false;
        for (; i < elements.Length; i++)
        {
            Vector128<T> one = Vector128.CreateScalar(elements[i]) & Vector128.CreateScalar(exponent);
            if (one == Vector128.CreateScalar(exponent))
                return false;
        }
        return true;
    }
}
