using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// From logits to the rows' next tokens: on the device where only the largest is wanted, otherwise through each row's
/// search over scores in managed reach. A search that fails fails its row, and so do scores that are no numbers. Owns
/// the suppressed ids on the device: those of the first row, since rows of one base have the same.
/// </summary>
internal sealed class NextTokens(Device device) : IDisposable
{
    // Scores below which one thread does all searches: waking another takes as long.
    private const long LeastShared = 1L << 16;

    private static readonly Scalar s_banned = float.NegativeInfinity.ToScalar();
    private int[]? _suppressedIds;
    private Tensor? _suppressed;

    private enum Way
    {
        Largest,
        Logits,
        LogProbabilities,
    }

    /// <summary>Lets every row go on by one token.</summary>
    /// <param name="logits">[lanes of all rows, V], changed in place.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="isFirst">Whether there is one lane a row, as at the start.</param>
    public void Choose(Tensor logits, IReadOnlyList<ActiveRow> rows, bool isFirst)
    {
        ILookup<Way, int> ways = Enumerable.Range(0, rows.Count).ToLookup(row => WayOf(rows[row]));
        int[] lanes = [.. rows.Select(row => isFirst ? 1 : row.Lanes)];
        int[] firsts = [.. lanes.Select((_, row) => lanes.Take(row).Sum())];
        // Before the logits are changed.
        TokenRecorder? recorder = TokenRecorder.Of(logits, rows, firsts, isFirst);
        foreach (IGrouping<Way, int> way in ways)
        {
            long[] places = [.. way.SelectMany(row => Enumerable.Range(firsts[row], lanes[row])).Select(i => (long)i)];
            Tensor own = ways.Count == 1 ? logits : logits.index_select(0, tensor(places, device: device));
            ActiveRow[] chosen = [.. way.Select(row => rows[row])];
            if (way.Key == Way.Largest)
                ChooseLargest(own, chosen);
            else
                Search(own, chosen, [.. way.Select(row => lanes[row])], way.Key == Way.LogProbabilities);
        }
        recorder?.Record();
    }

    public void Dispose() => _suppressed?.Dispose();

    private Way WayOf(ActiveRow row)
    {
        if (!row.IsGreedy)
            return row.Search.WantsLogProbabilities ? Way.LogProbabilities : Way.Logits;
        if (!row.Constraints.OnlySuppress)
            return Way.Logits;
        if (_suppressedIds is null)
        {
            _suppressedIds = row.Constraints.Suppressed.ToArray();
            if (_suppressedIds.Length > 0)
                _suppressed = tensor(_suppressedIds, ScalarType.Int64, device).DetachFromDisposeScope();
        }
        return row.Constraints.Suppressed.SequenceEqual(_suppressedIds) ? Way.Largest : Way.Logits;
    }

    private void ChooseLargest(Tensor logits, ActiveRow[] rows)
    {
        if (_suppressed is not null)
            logits.index_fill_(1, _suppressed, s_banned);
        (long[] places, float[] largest) = Largest(logits);
        bool isAllSuppressed = _suppressedIds!.Length >= logits.size(1);
        for (int row = 0; row < rows.Length; row++)
        {
            try
            {
                if (!isAllSuppressed)
                    Check(largest[row], rows[row]);
                ((GreedySearch)rows[row].Search).Accept((int)places[row]);
            }
            catch (Exception fault)
            {
                rows[row].Fault = fault;
            }
        }
    }

    // Torch hands out a row this long to threads that sleep by now: waking them takes longer than the search.
    private static (long[] Places, float[] Scores) Largest(Tensor logits)
    {
        if (logits.dtype == ScalarType.Float32 && logits.device_type == DeviceType.CPU && logits.is_contiguous())
        {
            long[] places = RowKernels.Largest(logits);
            ReadOnlySpan<float> all = MemoryMarshal.Cast<byte, float>(logits.bytes);
            var scores = new float[places.Length];
            for (int row = 0; row < places.Length; row++)
                scores[row] = all[row * (int)logits.size(1) + (int)places[row]];
            return (places, scores);
        }
        Tensor largest = logits.argmax(1);                                                          // [n]
        Tensor values = logits.gather(1, largest.unsqueeze(1)).to(ScalarType.Float32).cpu();        // [n, 1]
        return (MemoryMarshal.Cast<byte, long>(largest.cpu().bytes).ToArray(),
            MemoryMarshal.Cast<byte, float>(values.bytes).ToArray());
    }

    /// <summary>Refuses scores whose largest, which is NaN where one of them is, is no number.</summary>
    private static void Check(float largest, ActiveRow row)
    {
        if (!float.IsFinite(largest))
        {
            throw new InvalidOperationException($"Scores of the next token behind {row.PrefixLength} tokens of the"
                + $" prefix and {row.Present} others: expected finite numbers, found others: the prefix of this row,"
                + " or the base, has values too large for its products.");
        }
    }

    private static unsafe void Search(Tensor logits, ActiveRow[] rows, int[] lanes, bool wantsLogProbabilities)
    {
        Tensor scores = logits.to(ScalarType.Float32);
        if (wantsLogProbabilities)
            scores = scores.log_softmax(Axis.Last);
        scores = scores.cpu();
        fixed (byte* start = scores.bytes)
        {
            var searches = new Searches((float*)start, (int)scores.size(Axis.Last), rows, lanes);
            searches.Run(scores.numel() >= LeastShared ? get_num_threads() : 1);
        }
    }

    /// <summary>
    /// One step of the rows' searches, each a part: no two change the same. What one throws stays with its row, on
    /// whichever thread.
    /// </summary>
    /// <param name="scores">[lanes of all rows, V], changed in place.</param>
    /// <param name="vocabularySize">V.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="lanes">Lanes of each that have scores.</param>
    private sealed unsafe class Searches(float* scores, int vocabularySize, ActiveRow[] rows, int[] lanes) : SharedWork
    {
        protected override int Parts => rows.Length;

        protected override void Do(int part, int thread)
        {
            ActiveRow row = rows[part];
            try
            {
                nint first = 0;
                for (int before = 0; before < part; before++)
                    first += lanes[before];
                var own = new Span<float>(scores + first * vocabularySize, lanes[part] * vocabularySize);
                for (int lane = 0; lane < lanes[part]; lane++)
                    Check(TensorPrimitives.Max<float>(own.Slice(lane * vocabularySize, vocabularySize)), row);
                row.Search.Advance(new TokenScores(own, vocabularySize));
            }
            catch (Exception fault)
            {
                row.Fault = fault;
            }
        }
    }
}
