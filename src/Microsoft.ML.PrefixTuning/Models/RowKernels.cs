using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The small parts of a layer for one new token a row, float32 on the CPU, whatever its products take: each in one go
/// over the numbers, where torch's operators take several, and at this size an operator's call costs more than its work
/// (docs/performance.md).
/// A row has the same bits whatever rows stand beside it. All have torch's operators as their equals
/// (<c>RowKernelsTests</c>), which serve longer rows and other devices; where a gradient is wanted there are
/// <see cref="TrainedKernels"/>.
/// </summary>
internal static unsafe class RowKernels
{
    private const int Step = Lanes.Count;

    // Numbers that one thread widens at a time: below, waking another one costs more.
    private const int WidenedTogether = 1 << 18;

    /// <summary>Whether something is of this kind.</summary>
    /// <param name="x">[B, L, ...].</param>
    public static bool Suits(Tensor x) => !is_grad_enabled() && x.dtype == ScalarType.Float32
        && x.device_type == TorchSharp.DeviceType.CPU && x.size(Axis.Token) == 1 && x.is_contiguous();

    /// <summary>The norm of the innermost axis.</summary>
    /// <param name="x">[..., E], contiguous.</param>
    /// <param name="norm">Weight and bias [E].</param>
    /// <param name="spec">Its kind.</param>
    public static Tensor Norm(Tensor x, Norm norm, NormSpec spec)
    {
        int width = (int)x.size(Axis.Last), rows = (int)(x.numel() / width);
        Tensor normed = empty_like(x);
        fixed (byte* from = x.bytes, to = normed.bytes, weight = norm.Weight.bytes,
            bias = norm.Bias is null ? default : norm.Bias.bytes)
        {
            for (int row = 0; row < rows; row++)
            {
                float* own = (float*)from + (nint)row * width, target = (float*)to + (nint)row * width;
                if (Lanes.AreWide)
                    Norm<WideLanes>(own, target, (float*)weight, (float*)bias, width, spec);
                else
                    Norm<PairedLanes>(own, target, (float*)weight, (float*)bias, width, spec);
            }
        }
        return normed;
    }

    /// <summary>
    /// Rotates pairs (i, i + pairs) of each head's first elements, as <see cref="Rotary.Rotate"/> does.
    /// </summary>
    /// <param name="heads">[B, 1, H, D], contiguous.</param>
    /// <param name="cosine">[B, 1, 1, pairs], contiguous.</param>
    /// <param name="sine">The same.</param>
    public static Tensor Rotate(Tensor heads, Tensor cosine, Tensor sine)
    {
        int rows = (int)heads.size(Axis.Row), pairs = (int)cosine.size(Axis.Last), size = (int)heads.size(Axis.Last);
        int perRow = (int)(heads.numel() / size / rows);
        Tensor rotated = empty_like(heads);
        Numbers(heads).CopyTo(Numbers(rotated));
        fixed (byte* numbers = rotated.bytes, cosines = cosine.bytes, sines = sine.bytes)
        {
            for (int head = 0; head < rows * perRow; head++)
            {
                float* first = (float*)numbers + (nint)head * size, second = first + pairs;
                float* c = (float*)cosines + (nint)(head / perRow) * pairs;
                float* s = (float*)sines + (nint)(head / perRow) * pairs;
                for (int pair = 0; pair < pairs; pair++)
                {
                    float a = first[pair], b = second[pair];
                    first[pair] = a * c[pair] - b * s[pair];
                    second[pair] = b * c[pair] + a * s[pair];
                }
            }
        }
        return rotated;
    }

    /// <summary>silu(gate) * up, in the place of gate.</summary>
    /// <param name="gate">[...], contiguous.</param>
    /// <param name="up">The same.</param>
    public static void Gate(Tensor gate, Tensor up)
    {
        fixed (byte* g = gate.bytes, u = up.bytes)
        {
            nint width = (nint)gate.size(Axis.Last), end = (nint)gate.numel();
            // Row by row: the numbers behind the last whole step are made otherwise, by the last bit.
            for (nint row = 0; row < end; row += width)
            {
                if (Lanes.AreWide)
                    Gate<WideLanes>((float*)g + row, (float*)u + row, width);
                else
                    Gate<PairedLanes>((float*)g + row, (float*)u + row, width);
            }
        }
    }

    /// <summary>
    /// x + scale * half. Torch hands so many numbers out to threads that then look for more work where the products
    /// have theirs.
    /// </summary>
    /// <param name="x">[...], contiguous.</param>
    /// <param name="half">The same.</param>
    /// <param name="scale">What the second one is multiplied with.</param>
    public static Tensor Sum(Tensor x, Tensor half, double scale)
    {
        Tensor sum = empty_like(x);
        TensorPrimitives.MultiplyAdd(Numbers(half), (float)scale, Numbers(x), Numbers(sum));
        return sum;
    }

    /// <summary>Numbers rounded to bfloat16.</summary>
    /// <param name="x">[...], float32, contiguous.</param>
    public static Tensor Narrow(Tensor x)
    {
        Tensor narrow = empty(x.shape, ScalarType.BFloat16);
        Narrow(Numbers(x), MemoryMarshal.Cast<byte, ushort>(narrow.bytes));
        return narrow;
    }

    /// <summary>Numbers rounded to bfloat16.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="narrow">As many.</param>
    public static void Narrow(ReadOnlySpan<float> numbers, Span<ushort> narrow)
    {
        fixed (float* from = numbers)
        fixed (ushort* to = narrow)
        {
            if (Lanes.AreWide)
                Narrow<WideLanes>(from, to, numbers.Length);
            else
                Narrow<PairedLanes>(from, to, numbers.Length);
        }
    }

    /// <summary>Numbers as float32. Many of them are shared out among threads.</summary>
    /// <param name="x">[...], bfloat16, contiguous.</param>
    public static Tensor Wide(Tensor x)
    {
        Tensor wide = empty(x.shape, ScalarType.Float32);
        fixed (byte* from = x.bytes, to = wide.bytes)
        {
            nint count = (nint)x.numel();
            SharedWork work = Lanes.AreWide ? new Widening<WideLanes>((ushort*)from, (float*)to, count)
                : new Widening<PairedLanes>((ushort*)from, (float*)to, count);
            work.Run(get_num_threads());
        }
        return wide;
    }

    /// <summary>The place of each row's largest number, the first of equal ones; of a NaN where there is one.</summary>
    /// <param name="x">[n, E], contiguous.</param>
    public static long[] Largest(Tensor x)
    {
        var places = new long[x.size(0)];
        ReadOnlySpan<float> rest = Numbers(x);
        int width = (int)x.size(1);
        for (int row = 0; row < places.Length; row++, rest = rest[width..])
            places[row] = Largest(rest[..width]);
        return places;
    }

    /// <summary>The same of one row; 0 and -0 are equal, as they are for torch.</summary>
    public static int Largest(ReadOnlySpan<float> row)
    {
        int place = TensorPrimitives.IndexOfMax(row);
        // That takes 0 for more than -0.
        return place >= 0 && row[place] == 0 ? row.IndexOf(0f) : place;
    }

    /// <summary>The product of two rows of numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot<T>(float* left, float* right, nint count)
        where T : struct, ILanes<T>
    {
        T lanes = T.All(0);
        nint i = 0;
        for (; i <= count - Step; i += Step)
            lanes = T.MultiplyAdd(T.Load(left + i), T.Load(right + i), lanes);
        float sum = T.Sum(lanes);
        for (; i < count; i++)
            sum = float.FusedMultiplyAdd(left[i], right[i], sum);
        return sum;
    }

    private static Span<float> Numbers(Tensor x) => MemoryMarshal.Cast<byte, float>(x.bytes);

    private static void Narrow<T>(float* from, ushort* to, nint count)
        where T : struct, ILanes<T>
    {
        nint i = 0;
        for (; i <= count - Step; i += Step)
            T.StoreBFloat16(T.Load(from + i), to + i);
        for (; i < count; i++)
            to[i] = Lanes.Narrow(from[i]);
    }

    private static void Norm<T>(float* from, float* to, float* weight, float* bias, nint width, NormSpec spec)
        where T : struct, ILanes<T>
    {
        float mean = 0;
        if (spec.Kind == NormKind.Layer)
        {
            mean = Sum<T>(from, width) / width;
            for (nint j = 0; j < width; j++)
                to[j] = from[j] - mean;
            from = to;
        }
        float inverse = 1 / MathF.Sqrt(Dot<T>(from, from, width) / width + (float)spec.Epsilon);
        nint i = 0;
        for (; i <= width - Step; i += Step)
        {
            T normed = T.Multiply(T.Multiply(T.Load(from + i), T.All(inverse)), T.Load(weight + i));
            T.Store(bias is null ? normed : T.Add(normed, T.Load(bias + i)), to + i);
        }
        for (; i < width; i++)
            to[i] = from[i] * inverse * weight[i] + (bias is null ? 0 : bias[i]);
    }

    private static float Sum<T>(float* from, nint count)
        where T : struct, ILanes<T>
    {
        T lanes = T.All(0);
        nint i = 0;
        for (; i <= count - Step; i += Step)
            lanes = T.Add(lanes, T.Load(from + i));
        float sum = T.Sum(lanes);
        for (; i < count; i++)
            sum += from[i];
        return sum;
    }

    private static void Gate<T>(float* gate, float* up, nint count)
        where T : struct, ILanes<T>
    {
        nint i = 0;
        T one = T.All(1), minus = T.All(-1);
        for (; i <= count - Step; i += Step)
        {
            T numbers = T.Load(gate + i);
            T silu = T.Divide(numbers, T.Add(one, T.Exp(T.Multiply(minus, numbers))));
            T.Store(T.Multiply(silu, T.Load(up + i)), gate + i);
        }
        for (; i < count; i++)
            gate[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
    }

    private sealed class Widening<T>(ushort* from, float* to, nint count) : SharedWork
        where T : struct, ILanes<T>
    {
        private readonly ushort* _from = from;
        private readonly float* _to = to;
        private readonly nint _count = count;

        protected override int Parts => (int)((_count + WidenedTogether - 1) / WidenedTogether);

        protected override void Do(int part, int thread)
        {
            nint i = (nint)part * WidenedTogether, end = Math.Min(_count, i + WidenedTogether);
            for (; i <= end - Step; i += Step)
                T.Store(T.LoadBFloat16(_from + i), _to + i);
            for (; i < end; i++)
                _to[i] = Lanes.Wide(_from[i]);
        }
    }
}
