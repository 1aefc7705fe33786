using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.SmallBart.Vocabulary;

/// <summary>How often each piece of GPT-2's pattern occurs in texts: all that a vocabulary is trained on.</summary>
internal sealed class PieceCounts
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly Gpt2Splitter _splitter = new();

    /// <summary>Pieces and their numbers.</summary>
    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>Characters counted so far.</summary>
    public long Characters { get; private set; }

    /// <summary>Counts a text's pieces.</summary>
    public void Add(string text)
    {
        var pieces = _counts.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int start = 0; start < text.Length;)
        {
            int end = _splitter.PieceEnd(text, start, text.Length);
            CollectionsMarshal.GetValueRefOrAddDefault(pieces, text.AsSpan(start, end - start), out _)++;
            start = end;
        }
        Characters += text.Length;
    }
}
