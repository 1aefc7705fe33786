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
    /// <param name="segments">Rows.</param>
    /// <param name="normalize">Whether punctuation is set apart from words.</param>
    public static TerScore Corpus(IReadOnlyList<Segment> segments, bool normalize)
    {
        (int Edits, double Length)[] found = ParallelRows.Map(segments, segment => Count(segment, normalize));
        return new TerScore(found.Sum(segment => segment.Edits), found.Sum(segment => segment.Length));
    }

    private static (int Edits, double Length) Count(Segment segment, bool normalize)
    {
        var numbers = new NGramNumbers<string>(1);
        int[] output = numbers.Count(TercomTokenizer.Tokens(segment.Output, normalize)).Tokens;
        int fewest = int.MaxValue;
        double lengths = 0;
        foreach (string text in segment.References)
        {
            int[] reference = numbers.Count(TercomTokenizer.Tokens(text, normalize)).Tokens;
            fewest = Math.Min(fewest, TerEdits.Count(output, reference));
            lengths += reference.Length;
        }
        return (fewest, lengths / segment.References.Count);
    }
}

/// <summary>A translation edit rate and its parts.</summary>
/// <param name="Edits">Edits in all.</param>
/// <param name="ReferenceLength">Mean reference length in words, summed over the segments.</param>
internal sealed record TerScore(int Edits, double ReferenceLength)
{
    /// <summary>Edits for every 100 reference words; 100 where there are edits but no reference words.</summary>
    public double Score => ReferenceLength > 0 ? 100 * Edits / ReferenceLength : Edits > 0 ? 100 : 0;
}
