using System;
using System.Collections.Generic;
using System.Linq;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>A row with its sequences in llama.cpp's memory, one a lane.</summary>
/// <param name="row">The row.</param>
/// <param name="sequences">The memory; stays the caller's.</param>
internal sealed class LlamaRow(ActiveRow row, LlamaSequences sequences)
{
    private readonly List<int> _scored = [];
    private int[] _lanes = [];

    public ActiveRow Row => row;

    /// <summary>Whether its opening was read: tokens are written then.</summary>
    public bool IsRead => row.Present >= row.Opening.Length;

    /// <summary>Places of the batch whose scores choose its next tokens, a lane each.</summary>
    public IReadOnlyList<int> Scored => _scored;

    /// <summary>Takes its sequences, with its prefix in the first of them.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp did not take the prefix.</exception>
    public void Enter()
    {
        _lanes = [.. Enumerable.Range(0, row.Lanes).Select(_ => sequences.Take())];
        row.Present = 0;
        if (row.Prompt.Prefix is { } prefix)
            sequences.PutPrefix(prefix.Prefix, _lanes[0]);
    }

    /// <summary>Gives its sequences back, with all that is in them.</summary>
    public void Leave()
    {
        foreach (int lane in _lanes)
            sequences.Free(lane);
        _lanes = [];
    }

    /// <summary>Adds the last chosen token of each lane.</summary>
    public void AddStep(LLamaBatch batch)
    {
        _scored.Clear();
        for (int lane = 0; lane < row.Lanes; lane++)
            _scored.Add(batch.Add(row.Search.Tokens[lane], row.NextColumn, (LLamaSeqId)_lanes[lane], true));
        row.Present++;
    }

    /// <summary>Adds what comes next of its opening.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="most">Tokens at most.</param>
    /// <returns>Tokens that were added.</returns>
    public int AddPiece(LLamaBatch batch, int most)
    {
        _scored.Clear();
        int count = Math.Min(most, row.Opening.Length - row.Present);
        for (int i = 0; i < count; i++)
        {
            bool isLast = row.Present == row.Opening.Length - 1;
            int place = batch.Add(row.Opening[row.Present], row.NextColumn, (LLamaSeqId)_lanes[0], isLast);
            if (isLast)
                _scored.Add(place);
            row.Present++;
        }
        return count;
    }

    /// <summary>Lets each lane go on from the lane whose text it continues.</summary>
    public void FollowParents()
    {
        int[] parents = row.Search.Parents, former = _lanes;
        var next = new int[former.Length];
        var isTaken = new bool[former.Length];
        // A parent's sequence becomes that of its first child; those without children take copies for the others.
        for (int lane = 0; lane < next.Length; lane++)
        {
            next[lane] = isTaken[parents[lane]] ? -1 : former[parents[lane]];
            isTaken[parents[lane]] = true;
        }
        var free = new Queue<int>(former.Where((_, lane) => !isTaken[lane]));
        for (int lane = 0; lane < next.Length; lane++)
        {
            if (next[lane] >= 0)
                continue;
            next[lane] = free.Dequeue();
            sequences.Copy(former[parents[lane]], next[lane]);
        }
        _lanes = next;
    }
}
