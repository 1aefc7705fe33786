using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Translation edit rate (Snover et al., 2006) as sacreBLEU 2.6.0 computes it, in percent, 0 being best: insertions,
/// deletions, substitutions and shifts of word sequences that make the output equal to the reference that needs fewest,
/// over the mean length of the references. Tokenisation: <see cref="TercomTokenizer"/>.
/// </summary>
internal static class Ter
{
    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static TerScore Corpus(IReadOnlyList<Segment> segments, TerOptions options)
    {
        (int Edits, double Length)[] found = ParallelRows.Map(segments, segment => Count(segment, options));
        return new TerScore(found.Sum(segment => segment.Edits), found.Sum(segment => segment.Length));
    }

    /// <summary>The score of one segment.</summary>
    public static TerScore OfSegment(Segment segment, TerOptions options)
    {
        (int edits, double length) = Count(segment, options);
        return new TerScore(edits, length);
    }

    private static (int Edits, double Length) Count(Segment segment, TerOptions options)
    {
        var numbers = new NGramNumbers<string>(1);
        int[] output = numbers.Count(TercomTokenizer.Tokens(segment.Output, options)).Tokens;
        int fewest = int.MaxValue;
        double lengths = 0;
        foreach (string text in segment.References)
        {
            int[] reference = numbers.Count(TercomTokenizer.Tokens(text, options)).Tokens;
            fewest = Math.Min(fewest, TerEdits.Count(output, reference));
            lengths += reference.Length;
        }
        return (fewest, lengths / segment.References.Count);
    }
}

/// <summary>How TER is computed; the defaults are sacreBLEU's.</summary>
internal sealed record TerOptions
{
    /// <summary>sacreBLEU's defaults.</summary>
    public static TerOptions Default { get; } = new();

    /// <summary>Whether case counts.</summary>
    public bool CaseSensitive { get; init; }

    /// <summary>Whether punctuation is set apart from words.</summary>
    public bool Normalize { get; init; }

    /// <summary>Whether punctuation is removed.</summary>
    public bool RemovePunctuation { get; init; }

    /// <summary>Whether the two above also know East Asian characters and punctuation.</summary>
    public bool EastAsian { get; init; }
}

/// <summary>A translation edit rate and its parts.</summary>
/// <param name="Edits">Edits in all.</param>
/// <param name="ReferenceLength">Mean reference length in words, summed over the segments.</param>
internal sealed record TerScore(int Edits, double ReferenceLength)
{
    /// <summary>Edits for every 100 reference words; 100 where there are edits but no reference words.</summary>
    public double Score => ReferenceLength > 0 ? 100 * Edits / ReferenceLength : Edits > 0 ? 100 : 0;
}
