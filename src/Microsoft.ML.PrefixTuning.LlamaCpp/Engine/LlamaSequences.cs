using System;
using System.Collections.Generic;
using System.Linq;
using LLama.Native;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// A context of llama.cpp and the sequences in its memory. Prefixes that are in use lie in sequences of their own, from
/// which rows take them without a copy: cells of the memory belong to several sequences then. Owns the context.
/// </summary>
internal sealed class LlamaSequences : IDisposable
{
    // Prefixes that stay in the memory; others are put into it again from their kept states.
    private const int MostResident = 16;

    // Times that the room for prefixes may be larger than it need be, where that is worth speaking of.
    private const int MostSpare = 2, SpareCells = 64;

    private readonly LlamaModel _model;
    private readonly SafeLLamaContextHandle _context;
    private readonly LLamaBatch _batch = new();
    private readonly Stack<int> _free;
    // By their kept states, so that a prefix that nobody has any more is not held here.
    private readonly List<(byte[] State, int Sequence)> _resident = [];
    private readonly int[] _forPrefixes;
    private readonly int _longestPrefix;

    /// <summary>Makes the context.</summary>
    /// <param name="model">The model; stays the caller's.</param>
    /// <param name="lanes">Sequences for lanes of rows.</param>
    /// <param name="cells">Tokens in all of them together, each row with its prefix.</param>
    /// <param name="batchTokens">Tokens of a batch at most.</param>
    /// <exception cref="InvalidOperationException">llama.cpp has no memory for it, or so many lanes are too many.
    /// </exception>
    public LlamaSequences(LlamaModel model, int lanes, int cells, int batchTokens)
    {
        (_model, Lanes) = (model, lanes);
        (int resident, _longestPrefix) = RoomFor(model.PrefixLengths());
        int most = (int)NativeApi.llama_max_parallel_sequences() - resident;
        if (lanes > most)
        {
            throw new InvalidOperationException($"llama.cpp: expected at most {most} rows, beams and draws at once,"
                + $" found {lanes}.");
        }
        _forPrefixes = [.. Enumerable.Range(lanes, resident)];
        _context = model.OpenContext(lanes + resident, cells + PrefixCells, batchTokens);
        _free = new Stack<int>(Enumerable.Range(0, lanes).Reverse());
    }

    /// <summary>Sequences for lanes of rows.</summary>
    public int Lanes { get; }

    /// <summary>Prefixes that lie in the memory.</summary>
    public int ResidentCount => _resident.Count;

    /// <summary>Tokens for which prefixes have room.</summary>
    public long PrefixCells => (long)_forPrefixes.Length * _longestPrefix;

    /// <summary>Whether there is room for a prefix, which may have come later than the context.</summary>
    public bool Holds(Prefix? prefix) =>
        prefix is null || _forPrefixes.Length > 0 && prefix.Length <= _longestPrefix;

    /// <summary>Whether prefixes that went since left so much room that a smaller context is worth its making.
    /// </summary>
    public bool IsFarTooLarge
    {
        get
        {
            (int count, int longest) = RoomFor(_model.PrefixLengths());
            return PrefixCells > MostSpare * Math.Max((long)count * longest, SpareCells);
        }
    }

    /// <summary>A sequence with nothing in it.</summary>
    public int Take() => _free.Pop();

    /// <summary>Gives a sequence back and empties it.</summary>
    public void Free(int sequence)
    {
        Empty(sequence);
        _free.Push(sequence);
    }

    /// <summary>Lets a sequence hold what another one does; what it held is gone.</summary>
    public void Copy(int from, int to)
    {
        Empty(to);
        _context.MemorySequenceCopy((LLamaSeqId)from, (LLamaSeqId)to, -1, -1);
    }

    /// <summary>Puts a prefix into an empty sequence.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp did not take its state.</exception>
    public void PutPrefix(Prefix prefix, int sequence) => Copy(Resident(prefix), sequence);

    /// <summary>An empty batch, which <see cref="Decode"/> runs.</summary>
    public LLamaBatch Begin()
    {
        _batch.Clear();
        return _batch;
    }

    /// <summary>Runs the batch.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp failed.</exception>
    public void Decode() => _context.Run(_batch);

    /// <summary>[V], scores of the next token behind one of the batch.</summary>
    public ReadOnlySpan<float> Scores(int place) => _context.GetLogitsIth(place);

    /// <summary>Empties all lanes; prefixes stay where they are.</summary>
    public void Clear()
    {
        _free.Clear();
        foreach (int lane in Enumerable.Range(0, Lanes).Reverse())
            Free(lane);
    }

    public void Dispose() => _context.Dispose();

    private void Empty(int sequence) => _context.MemorySequenceRemove((LLamaSeqId)sequence, -1, -1);

    /// <summary>The sequence in which a prefix lies; the one used longest ago makes room.</summary>
    private int Resident(Prefix prefix)
    {
        byte[] state = _model.StateOf(prefix);
        int place = _resident.FindIndex(one => ReferenceEquals(one.State, state));
        (byte[], int Sequence) found;
        if (place >= 0)
        {
            found = _resident[place];
            _resident.RemoveAt(place);
        }
        else
        {
            if (_resident.Count == _forPrefixes.Length)
                Evict();
            int sequence = _forPrefixes.Except(_resident.Select(one => one.Sequence)).First();
            _context.SetSequence(sequence, state);
            found = (state, sequence);
        }
        _resident.Add(found);
        return found.Sequence;
    }

    private static (int Count, int Longest) RoomFor(int[] lengths) =>
        (Math.Min(MostResident, lengths.Length), lengths.DefaultIfEmpty().Max());

    private void Evict()
    {
        Empty(_resident[0].Sequence);
        _resident.RemoveAt(0);
    }
}
