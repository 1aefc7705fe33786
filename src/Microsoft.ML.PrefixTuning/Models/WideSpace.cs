using System;
using System.Threading;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>Rows that are to be wide for a moment.</summary>
/// <param name="Count">How many.</param>
/// <param name="Columns">Numbers of a row.</param>
/// <param name="Fill">Writes them into [count, columns] in CPU memory.</param>
internal readonly record struct WideRows(long Count, long Columns, Action<Tensor> Fill);

/// <summary>
/// The memory in which a model's stored matrices are wide for the moment of a product: one piece that all of them use
/// in turn, as large as the largest that was asked for. Who comes while it is taken (another thread) gets a piece of
/// its own. Owns the piece.
/// </summary>
/// <param name="type">Type of wide numbers.</param>
/// <param name="device">Where products are made.</param>
internal sealed class WideSpace(ScalarType type, Device device) : IDisposable
{
    /// <summary>What <see cref="MostNumbers"/> is unless another is set: 256 MB in float32.</summary>
    public const long DefaultNumbers = 1L << 26;

    /// <summary>What <see cref="BlockNumbers"/> is unless another is set: 64 MB in float32.</summary>
    public const long DefaultBlockNumbers = 1L << 24;

    private Tensor? _spare;

    public ScalarType Type => type;

    public Device Device => device;

    /// <summary>Numbers that are wide at most at a time where a matrix is wide as a whole.</summary>
    public long MostNumbers { get; init; } = DefaultNumbers;

    /// <summary>Numbers of a block of a matrix that is gone over in blocks.</summary>
    public long BlockNumbers { get; init; } = DefaultBlockNumbers;

    /// <summary>Makes rows wide, uses them and forgets them.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="use">Takes them, [count, columns] on the device; its result does not share their memory.</param>
    public T Use<T>(WideRows rows, Func<Tensor, T> use)
    {
        long numbers = rows.Count * rows.Columns;
        Tensor piece = Take(numbers);
        try
        {
            using Tensor flat = piece.narrow(0, 0, numbers), wide = flat.view(rows.Count, rows.Columns);
            rows.Fill(wide);
            if (device.type == DeviceType.CPU)
                return use(wide);
            using Tensor there = wide.to(device);
            return use(there);
        }
        finally
        {
            Interlocked.Exchange(ref _spare, piece)?.Dispose();
        }
    }

    public void Dispose() => Interlocked.Exchange(ref _spare, null)?.Dispose();

    private Tensor Take(long numbers)
    {
        Tensor? piece = Interlocked.Exchange(ref _spare, null);
        if (piece is not null && piece.numel() >= numbers)
            return piece;
        piece?.Dispose();
        using var noGradient = no_grad();
        return empty([numbers], type).DetachFromDisposeScope();
    }
}
