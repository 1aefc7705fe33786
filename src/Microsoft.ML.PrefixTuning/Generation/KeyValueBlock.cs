using System;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Keys and values of all layers for a number of lanes, in one preallocated block whose columns grow. Owns it. Views
/// that it gives belong to the caller's dispose scope and end with the next growth. Memory is asked for at once and
/// touched as far as it is read, so that room for a long row costs nobody a pause.
/// </summary>
internal sealed class KeyValueBlock(int layers, HeadShape heads, ScalarType type, Device device) : IDisposable
{
    // A small step in debug builds, so that growth is always exercised.
#if DEBUG
    private const int ColumnStep = 4;
#else
    private const int ColumnStep = 64;
#endif
    private const int MostSpare = 2;

    // Numbers that are copied between lanes at a time: 2 MiB in float32, which the heap keeps and hands out again. A
    // copy of all layers may be as large as the row itself and would come from the system each time.
    private const long MostCopied = 1L << 19;

    // Bytes from which it is worth asking what is free.
    private const double Large = 1 << 28;
    private const int LaneAxis = 2;
    private const int ColumnAxis = 4;
    private const int Halves = 2;

    // [N, 2 (key, value), lanes, G, columns, D]: the columns of a head lie together, as attention reads them at every
    // token.
    private Tensor? _block;
    private Tensor[] _tokens = [];

    // Where each of them begins, for numbers that are in reach.
    private nint[] _starts = [];

    // [lanes]: columns of each that hold numbers of its own; behind them is whatever memory had.
    private int[] _known = [];

    public int Lanes { get; private set; }

    public int Columns { get; private set; }

    /// <summary>Tells how many bytes of the processor's memory are free, or null where that is not known.</summary>
    public Func<long?> FreeMemory { get; init; } = AvailableMemory.Bytes;

    /// <summary>Whether its numbers are float32 or bfloat16 in the processor's memory.</summary>
    public bool IsInReach => device.type == TorchSharp.DeviceType.CPU && (type == ScalarType.Float32 || IsNarrow);

    /// <summary>Whether its numbers are bfloat16.</summary>
    public bool IsNarrow => type == ScalarType.BFloat16;

    /// <summary>Bytes of one of its numbers, float32 or bfloat16.</summary>
    public int NumberBytes => IsNarrow ? sizeof(ushort) : sizeof(float);

    /// <summary>
    /// Makes room for lanes; what was held is lost. What one long row once needed is not kept for good: a block of
    /// many more columns than are needed now is given back.
    /// </summary>
    /// <param name="lanes">Lanes that are needed.</param>
    /// <param name="columns">Columns that may be needed.</param>
    public void Open(int lanes, int columns)
    {
        if (lanes <= Lanes && Columns <= MostSpare * Math.Max(columns, ColumnStep))
            return;
        lanes = Math.Max(lanes, Lanes);
        Dispose();
        Lanes = lanes;
    }

    /// <summary>
    /// Empties lanes, so that a row finds nothing of the row before it there.
    /// </summary>
    public void Clear(int first, int count) => _known.AsSpan(first, count).Clear();

    /// <summary>Makes room for columns; what is held stays.</summary>
    /// <param name="columns">Columns that are needed.</param>
    /// <param name="entering">Lanes that are filled up to there next, beside what is held.</param>
    /// <exception cref="InsufficientMemoryException">What is held then needs more memory than is free.</exception>
    public void Ensure(int columns, int entering = 0)
    {
        if (columns > Columns)
            CheckMemory(_known.Sum(held => (long)held) + (long)entering * columns);
        Ensure(Lanes, columns, long.MaxValue);
    }

    // The system grants memory that there is not, and ends the process where it is touched: what lanes hold is, and not
    // what they have room for.
    private void CheckMemory(long tokens)
    {
        double needed = 1.0 * Halves * layers * heads.KeyValueCount * tokens * heads.Size
            * (type == ScalarType.Float32 ? sizeof(float) : sizeof(ushort));
        if (needed < Large || device.type != TorchSharp.DeviceType.CPU || FreeMemory() is not { } free
            || needed <= free)
            return;
        // What was freed before, such as by a training, may still be the heap's.
        if (AvailableMemory.GiveBack() && FreeMemory() is { } more && needed <= more)
            return;
        throw new InsufficientMemoryException(FormattableString.Invariant(
            $"the key/value cache of {tokens} tokens needs {needed / 1e9:F2} GB of the {free / 1e9:F2} GB")
            + " that are free");
    }

    /// <summary>
    /// Makes room for lanes and columns, with some to spare where the block then stays within a bound; what is held in
    /// them stays.
    /// </summary>
    /// <param name="lanes">Lanes that are needed.</param>
    /// <param name="columns">Columns that are needed.</param>
    /// <param name="most">Lanes times columns that may be there with what is spared.</param>
    public void Ensure(int lanes, int columns, long most)
    {
        if (lanes <= Lanes && columns <= Columns)
            return;
        int wantedColumns = columns <= Columns ? Columns : Math.Max(columns, Columns + Columns / 2);
        wantedColumns = (wantedColumns + ColumnStep - 1) / ColumnStep * ColumnStep;
        int wantedLanes = lanes <= Lanes ? Lanes : Math.Max(lanes, Lanes + Lanes / 2);
        bool isWithin = (long)wantedLanes * wantedColumns <= most;
        Resize(isWithin ? wantedLanes : lanes, isWithin ? wantedColumns : columns);
    }

    /// <summary>Makes the block as large as told; what is held in that much of it stays.</summary>
    public void Resize(int lanes, int columns)
    {
        using var scope = NewDisposeScope();
        Tensor next = empty([layers, Halves, lanes, heads.KeyValueCount, columns, heads.Size], type, device);
        var known = new int[lanes];
        if (_block is not null)
        {
            // Lane by lane: those that hold little take no memory for what one of them holds.
            for (int lane = 0; lane < Math.Min(Lanes, lanes); lane++)
            {
                known[lane] = Math.Min(_known[lane], columns);
                if (known[lane] > 0)
                    Part(next, lane, known[lane]).copy_(Part(_block, lane, known[lane]));
            }
        }
        Dispose();
        (Lanes, Columns, _block, _known) = (lanes, columns, next.DetachFromDisposeScope(), known);
        _tokens = _block.view(layers * Halves, -1, heads.Size).unbind(0);
        foreach (Tensor tokens in _tokens)
            tokens.DetachFromDisposeScope();
        if (IsInReach)
            _starts = Array.ConvertAll(_tokens, Start);

        static Tensor Part(Tensor block, int lane, int columns) =>
            block.select(LaneAxis, lane).narrow(ColumnAxis - 1, 0, columns);
    }

    /// <summary>Where a layer's keys and values lie, for those whose numbers are in reach.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="lanes">The lanes, B.</param>
    /// <param name="counts">[B]: columns that each lane has.</param>
    /// <param name="columns">The most that any sees, S: of those in front of it and its own.</param>
    /// <param name="fronts">[B]: what stands in front of each lane; null where nothing does.</param>
    public unsafe KeyValuePlaces Places(int layer, LaneRange lanes, int[] counts, int columns,
        KeyValueFront[]? fronts = null)
    {
        nint head = (nint)Columns * heads.Size, lane = head * heads.KeyValueCount;
        nint first = lanes.First * lane * NumberBytes;
        return new KeyValuePlaces((byte*)_starts[Halves * layer] + first, (byte*)_starts[Halves * layer + 1] + first,
            IsNarrow, lanes.Stride * lane, head, counts, columns, fronts);
    }

    /// <summary>Writes one new token a lane of one layer, for those whose numbers are in reach.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="lanes">The lanes, B.</param>
    /// <param name="columns">[B]: where each lane's token goes.</param>
    /// <param name="keys">[B, 1, G, D], float32, contiguous; rounded to the type of the block.</param>
    /// <param name="values">The same.</param>
    public unsafe void WriteTokens(int layer, LaneRange lanes, ReadOnlySpan<int> columns, Tensor keys, Tensor values)
    {
        ReadOnlySpan<float> ofKeys = MemoryMarshal.Cast<byte, float>(keys.bytes);
        ReadOnlySpan<float> ofValues = MemoryMarshal.Cast<byte, float>(values.bytes);
        for (int row = 0, at = 0; row < lanes.Count; row++)
        {
            int lane = lanes.First + row * lanes.Stride;
            _known[lane] = Math.Max(_known[lane], columns[row] + 1);
            for (int head = 0; head < heads.KeyValueCount; head++, at += heads.Size)
            {
                nint place = (nint)Place(lane, head, columns[row]) * heads.Size;
                Put(ofKeys.Slice(at, heads.Size), _starts[Halves * layer], place);
                Put(ofValues.Slice(at, heads.Size), _starts[Halves * layer + 1], place);
            }
        }

        void Put(ReadOnlySpan<float> numbers, nint start, nint place)
        {
            if (IsNarrow)
                RowKernels.Narrow(numbers, new Span<ushort>((ushort*)start + place, numbers.Length));
            else
                numbers.CopyTo(new Span<float>((float*)start + place, numbers.Length));
        }
    }

    /// <summary>Where a head's part of a token lies, as <see cref="Write"/> takes it.</summary>
    public long Place(int lane, int head, int column) => ((long)lane * heads.KeyValueCount + head) * Columns + column;

    /// <summary>Writes new tokens of one layer.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="places">[B * G * L], int64: <see cref="Place"/> of each.</param>
    /// <param name="keys">[B, G, L, D].</param>
    /// <param name="values">[B, G, L, D].</param>
    public void Write(int layer, Tensor places, Tensor keys, Tensor values)
    {
        _tokens[Halves * layer].index_copy_(0, places, keys.reshape(-1, heads.Size));
        _tokens[Halves * layer + 1].index_copy_(0, places, values.reshape(-1, heads.Size));
    }

    /// <summary>Writes all layers' keys and values into one lane's first columns.</summary>
    /// <param name="lane">The lane.</param>
    /// <param name="content">[N, 2, G, columns, D].</param>
    public void Fill(int lane, Tensor content)
    {
        long columns = content.size(ColumnAxis - 1);
        _block!.select(LaneAxis, lane).narrow(ColumnAxis - 1, 0, columns).copy_(content);
        _known[lane] = Math.Max(_known[lane], (int)columns);
    }

    /// <summary>
    /// Copies columns from lanes to other lanes, as many as there are of them. A layer's are all read before one is
    /// written; what a lane that is written had behind them is lost.
    /// </summary>
    /// <param name="from">Lanes.</param>
    /// <param name="to">As many.</param>
    /// <param name="first">First column.</param>
    public void CopyLanes(int[] from, int[] to, int first)
    {
        int[] known = Array.ConvertAll(from, lane => _known[lane]);
        int count = known.Max() - first;
        if (count > 0)
        {
            using var scope = NewDisposeScope();
            Tensor part = _block!.narrow(ColumnAxis, first, count);
            Tensor sources = tensor(from, ScalarType.Int64, device), targets = tensor(to, ScalarType.Int64, device);
            long ofLayer = (long)Halves * from.Length * heads.KeyValueCount * count * heads.Size;
            int together = (int)Math.Clamp(MostCopied / ofLayer, 1, layers);
            for (int layer = 0; layer < layers; layer += together)
            {
                using var own = NewDisposeScope();
                Tensor some = part.narrow(0, layer, Math.Min(together, layers - layer));
                some.index_copy_(LaneAxis, targets, some.index_select(LaneAxis, sources));
            }
        }
        for (int i = 0; i < to.Length; i++)
        {
            if (_known[to[i]] >= first)
                _known[to[i]] = Math.Max(known[i], first);
        }
    }

    /// <summary>
    /// Keys and values of lanes, as attention takes them: [B, G, columns, D], key and value of layer 0 first. There are
    /// zeros where a lane holds nothing yet: what a mask hides has the weight 0, but 0 times NaN is NaN, and a huge
    /// score lies above the mask, so attention must find neither whatever memory had nor a former row's numbers.
    /// </summary>
    public Tensor[] Read(LaneRange lanes, int columns)
    {
        Empty(lanes, columns);
        return _block!
            .slice(LaneAxis, lanes.First, lanes.First + (long)(lanes.Count - 1) * lanes.Stride + 1, lanes.Stride)
            .narrow(ColumnAxis, 0, columns).flatten(0, 1).unbind(0);
    }

    private void Empty(LaneRange lanes, int columns)
    {
        int upTo = Math.Min(Columns, (columns + ColumnStep - 1) / ColumnStep * ColumnStep);
        for (int next, i = 0; i < lanes.Count; i = next)
        {
            // Neighbours that know as much in one go.
            int lane = lanes.First + i * lanes.Stride, from = _known[lane];
            next = i + 1;
            while (next < lanes.Count && lanes.Stride == 1 && _known[lane + next - i] == from)
                next++;
            if (from >= columns)
                continue;
            using var scope = NewDisposeScope();
            _block!.narrow(LaneAxis, lane, next - i).narrow(ColumnAxis, from, upTo - from).zero_();
            for (; i < next; i++)
                _known[lanes.First + i * lanes.Stride] = upTo;
        }
    }

    /// <summary>Where numbers of its type begin that are in reach.</summary>
    /// <param name="numbers">Contiguous.</param>
    /// <exception cref="ArgumentException">They are of another type, or elsewhere.</exception>
    public unsafe nint Start(Tensor numbers)
    {
        if (numbers.dtype != type || numbers.device_type != device.type || !numbers.is_contiguous())
            throw new ArgumentException($"Key/value cache: expected contiguous {type} on {device.type}, found"
                + $" {(numbers.is_contiguous() ? "" : "not contiguous ")}{numbers.dtype} on {numbers.device_type}.");
        // Of one row: a span has at most 2 GiB.
        using Tensor first = numbers.narrow(0, 0, 1);
        fixed (byte* start = first.bytes)
            return (nint)start;
    }

    public void Dispose()
    {
        foreach (Tensor tokens in _tokens)
            tokens.Dispose();
        _block?.Dispose();
        (_block, _tokens, _starts, _known, Lanes, Columns) = (null, [], [], [], 0, 0);
    }
}

/// <summary>Lanes first, first + stride, ...</summary>
internal readonly record struct LaneRange(int First, int Count, int Stride);
