using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// BLEU (Papineni et al., 2002) as sacreBLEU 2.6.0 computes it, from 0 to 100: the geometric mean of n-gram precisions
/// over the corpus, times a penalty for output shorter than the references. Tokenisation:
/// <see cref="BleuOptions.Tokenization"/>.
/// </summary>
internal static class Bleu
{
    // sacreBLEU's values for add-k and floor.
    private const double AddedMatches = 1, LeastMatches = 0.1;

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static BleuScore Corpus(IReadOnlyList<Segment> segments, BleuOptions options) =>
        FromCounts(BleuCounts.Sum(Count(segments, options), options.MaxOrder), options);

    /// <summary>What each segment adds to the corpus.</summary>
    public static BleuCounts[] Count(IReadOnlyList<Segment> segments, BleuOptions options) =>
        ParallelRows.Map(segments, segment => Count(segment, options));

    /// <summary>The score that counts give.</summary>
    public static BleuScore FromCounts(BleuCounts counts, BleuOptions options)
    {
        double penalty = Penalty(counts);
        var precisions = new double[options.MaxOrder];
        // Without a single match no smoothing helps.
        if (counts.Matches.AsSpan(0, options.MaxOrder).IndexOfAnyExcept(0) < 0)
            return new BleuScore(0, precisions, penalty, counts);
        SetPrecisions(precisions, counts, options.Smoothing);
        // As in the source, a precision of 0 makes the product vanish.
        double logs = precisions.Sum(precision => precision == 0 ? -9999999999 : Math.Log(precision));
        return new BleuScore(penalty * Math.Exp(logs / options.MaxOrder), precisions, penalty, counts);
    }

    /// <summary>What one segment adds to the corpus.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="maxOrder">Tokens of the longest n-grams.</param>
    /// <param name="tokenize">Gives the tokens of a text.</param>
    public static BleuCounts Count(Segment segment, int maxOrder, Func<string, string[]> tokenize)
    {
        var numbers = new NGramNumbers<string>(maxOrder);
        NGramCounts output = numbers.Count(tokenize(segment.Output));
        NGramCounts[] references = [.. segment.References.Select(text => numbers.Count(tokenize(text)))];
        NGramCounts union = NGramCounts.Union(references);
        var counts = new BleuCounts(maxOrder)
        {
            OutputLength = output.Tokens.Length,
            ReferenceLength = ClosestLength(output.Tokens.Length, references),
        };
        for (int order = 1; order <= maxOrder; order++)
        {
            counts.Matches[order - 1] = output.Overlap(union, order);
            counts.Totals[order - 1] = output.Total(order);
        }
        return counts;
    }

    private static BleuCounts Count(Segment segment, BleuOptions options) =>
        Count(segment, options.MaxOrder, text => Tokens(text, options));

    // Of two lengths that are equally close, the shorter one.
    private static int ClosestLength(int length, NGramCounts[] references) =>
        references.Select(reference => reference.Tokens.Length).MinBy(found => (Math.Abs(found - length), found));

    private static string[] Tokens(string text, BleuOptions options)
    {
        text = Whitespace.TrimEnd(options.Lowercase ? LowerCase.Of(text) : text);
        return options.Tokenization switch
        {
            BleuTokenization.Mteval13a => MtevalTokenizer.Tokens(text),
            BleuTokenization.International => InternationalTokenizer.Tokens(text),
            BleuTokenization.Characters => CharacterTokenizer.Tokens(text),
            _ => Whitespace.Split(text),
        };
    }

    private static double Penalty(BleuCounts counts) => counts.OutputLength >= counts.ReferenceLength ? 1
        : counts.OutputLength > 0 ? Math.Exp(1 - counts.ReferenceLength / (double)counts.OutputLength) : 0;

    // Chen and Cherry, "A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU", 2014: methods 1, 2,
    // 3.
    private static void SetPrecisions(double[] precisions, BleuCounts counts, BleuSmoothing smoothing)
    {
        double halving = 1;
        for (int i = 0; i < precisions.Length; i++)
        {
            double added = smoothing == BleuSmoothing.AddK && i > 0 ? AddedMatches : 0;
            double matches = counts.Matches[i] + added, total = counts.Totals[i] + added;
            if (total == 0)
                break;
            if (matches == 0 && smoothing == BleuSmoothing.Exponential)
                matches = 1 / (halving *= 2);
            else if (matches == 0 && smoothing == BleuSmoothing.Floor)
                matches = LeastMatches;
            precisions[i] = 100 * matches / total;
        }
    }
}
