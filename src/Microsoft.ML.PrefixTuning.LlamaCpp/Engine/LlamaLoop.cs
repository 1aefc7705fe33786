using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Generation;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// The loop that writes, over llama.cpp: every pass goes on by a token with the rows that are written and reads a
/// piece of those that enter, in one batch. Which token comes next is chosen as everywhere else. Owns its context.
/// </summary>
/// <param name="model">The model; stays the caller's.</param>
internal sealed class LlamaLoop(LlamaModel model) : IDecodingLoop
{
    private const int MostPieceTokens = 512;

    private readonly NextTokens _choice = new(CPU);
    private readonly List<LlamaRow> _rows = [];
    private DecodingLimits _limits = new(1);
    private LlamaSequences? _sequences;
    private int _cells;
    // Whether a token may have left what is no number in the memory, in which all rows' products find it.
    private bool _isSpoiled;

    public int Count => _rows.Count;

    public void Open(DecodingLimits limits, IReadOnlyList<ActiveRow> rows)
    {
        _limits = limits;
        _rows.Clear();
        _sequences?.Clear();
        if (rows.Count == 0)
            return;
        int lanes = Math.Max(limits.Lanes, rows.Max(row => row.Lanes));
        int cells = (int)Math.Min(int.MaxValue, (long)lanes * rows.Max(row => row.Columns));
        Ensure(lanes, cells, rows.Select(PrefixOf).MaxBy(prefix => prefix?.Length ?? 0));
    }

    public void Advance(Queue<ActiveRow> waiting)
    {
        Admit(waiting);
        if (_rows.Count == 0)
            return;
        using var scope = NewDisposeScope();
        LlamaRow[] written = [.. _rows.Where(row => row.IsRead)];
        // One whose prefix was not taken has nothing to be read behind.
        LlamaRow[] reading = [.. _rows.Where(row => !row.IsRead && !row.Row.IsOver)];
        if (written.Length + reading.Length == 0)
            return;
        LLamaBatch batch = _sequences!.Begin();
        foreach (LlamaRow row in written)
            row.AddStep(batch);
        int room = Math.Min(_limits.PassTokens, MostPieceTokens);
        foreach (LlamaRow row in reading)
            room -= row.AddPiece(batch, Math.Min(room, _limits.PieceOf(row.Row.Opening.Length)));
        _sequences.Decode();
        Choose(written, isFirst: false);
        Choose([.. reading.Where(row => row.IsRead)], isFirst: true);
    }

    public IReadOnlyList<ActiveRow> TakeOut(Predicate<ActiveRow> leaves)
    {
        LlamaRow[] leaving = [.. _rows.Where(row => leaves(row.Row))];
        foreach (LlamaRow row in leaving)
        {
            row.Leave();
            _rows.Remove(row);
        }
        return Array.ConvertAll(leaving, row => row.Row);
    }

    public void Dispose()
    {
        _sequences?.Dispose();
        _choice.Dispose();
    }

    private void Admit(Queue<ActiveRow> waiting)
    {
        while (waiting.TryPeek(out ActiveRow? next) && HasRoom(next))
        {
            waiting.Dequeue();
            if (_rows.Count == 0)
                Ensure(Math.Max(_limits.Lanes, next.Lanes), Math.Max(Cells(next), OpenCells()), PrefixOf(next));
            var row = new LlamaRow(next, _sequences!);
            _rows.Add(row);
            try
            {
                row.Enter();
            }
            catch (InvalidOperationException fault)
            {
                next.Fault = fault;
            }
        }
    }

    private bool HasRoom(ActiveRow next)
    {
        if (_rows.Count == 0)
            return true;
        return !_isSpoiled && _sequences!.Holds(PrefixOf(next))
            && _rows.Sum(row => row.Row.Lanes) + next.Lanes <= _limits.Lanes
            && _rows.Sum(row => (long)Cells(row.Row)) + Cells(next) <= _cells;
    }

    // Rows that come one by one share all the memory that there may be.
    private int OpenCells() => _limits.IsOpen ? (int)Math.Min(int.MaxValue, _limits.Tokens) : 0;

    private static Prefix? PrefixOf(ActiveRow row) => row.Prompt.Prefix?.Prefix;

    private static int Cells(ActiveRow row) => row.Lanes * row.Columns;

    /// <summary>Sees to it that the context holds so much; only where there are no rows.</summary>
    private void Ensure(int lanes, int cells, Prefix? prefix)
    {
        if (!_isSpoiled && _sequences is { } there && there.Lanes >= lanes && _cells >= cells && there.Holds(prefix)
            && !there.IsFarTooLarge)
            return;
        if (_isSpoiled)
            (lanes, cells) = (Math.Max(lanes, _sequences!.Lanes), Math.Max(cells, _cells));
        _isSpoiled = false;
        _sequences?.Dispose();
        _sequences = null;
        _sequences = new LlamaSequences(model, lanes, cells, MostPieceTokens + lanes);
        _cells = cells;
    }

    /// <summary>Lets rows go on by a token, from the scores of the batch that was just decoded.</summary>
    private void Choose(LlamaRow[] rows, bool isFirst)
    {
        rows = [.. rows.Where(HasScores)];
        if (rows.Length == 0)
            return;
        int[] places = [.. rows.SelectMany(row => row.Scored)];
        int size = model.Spec.VocabularySize;
        Tensor scores = empty([places.Length, size], float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(scores.bytes);
        for (int lane = 0; lane < places.Length; lane++)
            _sequences!.Scores(places[lane]).CopyTo(values.Slice(lane * size, size));
        _choice.Choose(scores, Array.ConvertAll(rows, row => row.Row), isFirst);
        foreach (LlamaRow row in rows.Where(row => !row.Row.IsOver))
            row.FollowParents();
    }

    /// <summary>Whether a row's scores are numbers; else it fails.</summary>
    private bool HasScores(LlamaRow row)
    {
        const uint Exponent = 0x7F80_0000;
        foreach (int place in row.Scored)
        {
            if (FiniteCheck.AllFinite(MemoryMarshal.Cast<float, uint>(_sequences!.Scores(place)), Exponent))
                continue;
            _isSpoiled = true;
            row.Row.Fault = new InvalidOperationException("llama.cpp, scores of the next token behind"
                + $" {row.Row.PrefixLength} tokens of the prefix and {row.Row.Present} others: expected finite numbers,"
                + " found others: the prefix of this row or of one beside it, or the file, has values too large for"
                + " its products.");
            return false;
        }
        return true;
    }
}
