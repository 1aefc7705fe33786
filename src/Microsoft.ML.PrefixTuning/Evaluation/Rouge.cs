using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum (Lin, 2004) as google-research's rouge_score computes them, from 0 to 1. Of
/// several references the one with the best F counts, for each kind by itself; a corpus has the mean of its segments.
/// Tokenisation: <see cref="RougeTokenizer"/>.
/// </summary>
/// <remarks>Source: google-research, <c>rouge/rouge_scorer.py</c>.</remarks>
internal static class Rouge
{
    /// <summary>The scores of a corpus; 0 for an empty one.</summary>
    /// <param name="segments">Rows.</param>
    /// <param name="stem">Whether words are stemmed.</param>
    public static RougeScores Corpus(IReadOnlyList<Segment> segments, bool stem)
    {
        RougeScores[] scores = ParallelRows.Map(segments, segment => OfSegment(segment, stem));
        return new RougeScores(Mean(scores, score => score.Rouge1), Mean(scores, score => score.Rouge2),
            Mean(scores, score => score.RougeL), Mean(scores, score => score.RougeLsum));
    }

    /// <summary>The scores of one segment against its best references.</summary>
    public static RougeScores OfSegment(Segment segment, bool stem)
    {
        var numbers = new NGramNumbers<string>(2);
        RougeText output = Read(segment.Output, stem, numbers);
        RougeScores best = RougeScores.Zero;
        foreach (string reference in segment.References)
        {
            RougeScores scores = Score(output, Read(reference, stem, numbers));
            best = new RougeScores(Better(best.Rouge1, scores.Rouge1), Better(best.Rouge2, scores.Rouge2),
                Better(best.RougeL, scores.RougeL), Better(best.RougeLsum, scores.RougeLsum));
        }
        return best;
    }

    private static RougeText Read(string text, bool stem, NGramNumbers<string> numbers)
    {
        NGramCounts whole = numbers.Count(RougeTokenizer.Tokens(text, stem));
        // For Lsum a line is a sentence.
        int[][] sentences = !text.Contains('\n') ? [whole.Tokens]
            : [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => numbers.Count(RougeTokenizer.Tokens(line, stem)).Tokens)];
        return new RougeText(whole, sentences);
    }

    private static RougeScores Score(RougeText output, RougeText reference)
    {
        int common = new LongestCommonSubsequence(output.Whole.Tokens).Length(reference.Whole.Tokens);
        int lengths = output.Whole.Tokens.Length, wanted = reference.Whole.Tokens.Length;
        RougeScore longest = RougeScore.From(common, lengths, wanted);
        bool oneSentence = output.Sentences.Length == 1 && reference.Sentences.Length == 1;
        return new RougeScores(OfOrder(1), OfOrder(2), longest,
            oneSentence ? longest : RougeLsum.Score(output.Sentences, reference.Sentences));

        RougeScore OfOrder(int order) => RougeScore.From(output.Whole.Overlap(reference.Whole, order),
            output.Whole.Total(order), reference.Whole.Total(order));
    }

    private static RougeScore Better(RougeScore first, RougeScore second) => second.F > first.F ? second : first;

    private static RougeScore Mean(RougeScores[] scores, Func<RougeScores, RougeScore> kind) => scores.Length == 0
        ? RougeScore.Zero
        : new RougeScore(scores.Average(score => kind(score).Precision), scores.Average(score => kind(score).Recall),
            scores.Average(score => kind(score).F));

    private readonly record struct RougeText(NGramCounts Whole, int[][] Sentences);
}

/// <summary>ROUGE scores of all kinds.</summary>
internal sealed record RougeScores(RougeScore Rouge1, RougeScore Rouge2, RougeScore RougeL, RougeScore RougeLsum)
{
    /// <summary>No match at all.</summary>
    public static RougeScores Zero { get; } = new(RougeScore.Zero, RougeScore.Zero, RougeScore.Zero, RougeScore.Zero);
}
