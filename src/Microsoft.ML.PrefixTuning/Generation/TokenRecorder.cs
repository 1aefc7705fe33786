using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The log-probabilities of one step for those rows that keep a <see cref="TokenRecord"/>: taken before the logits are
/// changed, recorded when the tokens are chosen. Its tensors belong to the caller's dispose scope.
/// </summary>
internal sealed class TokenRecorder
{
    private readonly ActiveRow[] _rows;
    private readonly int[] _firsts;
    private readonly bool _isFirst;
    private readonly Tensor _scores;
    private readonly Tensor? _bestScores;
    private readonly Tensor? _bestIds;

    private TokenRecorder(ActiveRow[] rows, int[] firsts, bool isFirst, Tensor scores)
    {
        (_rows, _firsts, _isFirst, _scores) = (rows, firsts, isFirst, scores);
        int most = Math.Min(rows.Max(row => row.Record!.Top), (int)scores.size(Axis.Last));
        if (most > 0)
            (_bestScores, _bestIds) = scores.topk(most, Axis.Last);
    }

    /// <summary>Takes the log-probabilities of the rows that keep a record; null where none does.</summary>
    /// <param name="logits">[lanes of all rows, V].</param>
    /// <param name="rows">The rows.</param>
    /// <param name="firsts">The first lane of each.</param>
    /// <param name="isFirst">Whether there is one lane a row, as at the start.</param>
    public static TokenRecorder? Of(Tensor logits, IReadOnlyList<ActiveRow> rows, int[] firsts, bool isFirst)
    {
        int[] recorded = [.. Enumerable.Range(0, rows.Count).Where(row => rows[row].Record is not null)];
        if (recorded.Length == 0)
            return null;
        ActiveRow[] own = Array.ConvertAll(recorded, row => rows[row]);
        long[] places = [.. recorded.SelectMany(row => Enumerable.Range(firsts[row], isFirst ? 1 : rows[row].Lanes))
            .Select(lane => (long)lane)];
        int[] counts = Array.ConvertAll(own, row => isFirst ? 1 : row.Lanes);
        int[] ownFirsts = [.. counts.Select((_, row) => counts.Take(row).Sum())];
        Tensor scores = logits.index_select(0, tensor(places, device: logits.device)).to(ScalarType.Float32)
            .log_softmax(Axis.Last).cpu();                                                       // [lanes, V]
        return new TokenRecorder(own, ownFirsts, isFirst, scores);
    }

    /// <summary>Adds the tokens that were chosen since.</summary>
    public void Record()
    {
        int vocabularySize = (int)_scores.size(Axis.Last), most = (int)(_bestIds?.size(Axis.Last) ?? 0);
        ReadOnlySpan<float> scores = MemoryMarshal.Cast<byte, float>(_scores.bytes);
        ReadOnlySpan<float> bestScores = _bestScores is null ? [] : MemoryMarshal.Cast<byte, float>(_bestScores.bytes);
        ReadOnlySpan<long> bestIds = _bestIds is null ? [] : MemoryMarshal.Cast<byte, long>(_bestIds.bytes);
        for (int row = 0; row < _rows.Length; row++)
        {
            TokenRecord record = _rows[row].Record!;
            for (int lane = 0; lane < _rows[row].Lanes; lane++)
            {
                // A lane that was done before has no new token.
                if (_rows[row].Search.TextOf(lane) is not { } text || text.NewCount == record[lane].Count)
                    continue;
                int id = text.NewAt(text.NewCount - 1), place = _firsts[row] + (_isFirst ? 0 : lane);
                var top = new (int, float)[Math.Min(record.Top, most)];
                for (int rank = 0; rank < top.Length; rank++)
                    top[rank] = ((int)bestIds[place * most + rank], bestScores[place * most + rank]);
                record.Add(lane, new RecordedToken(id, scores[place * vocabularySize + id], top));
            }
        }
    }
}
