using System;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>Scores of the next token for the lanes of one row: [lanes, V], row-major, free to be changed.</summary>
internal readonly ref struct TokenScores(Span<float> values, int vocabularySize)
{
    private readonly Span<float> _values = values;

    /// <summary>Lanes that have scores: one right after the prompt was read, all later.</summary>
    public int Count => _values.Length / vocabularySize;

    /// <summary>[V] of a lane.</summary>
    public Span<float> this[int lane] => _values.Slice(lane * vocabularySize, vocabularySize);
}
