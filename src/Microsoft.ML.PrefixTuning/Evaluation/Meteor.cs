using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// METEOR 1.5 for English (Denkowski and Lavie, 2014), from 0 to 1: a mean of weighted precision and recall of words
/// matched as they are, by stem and, where a dictionary is given, by sense, less a penalty for matches out of order. No
/// paraphrase table. A segment counts against its best reference; the corpus's score comes from summed counts.
/// Tokenisation: <see cref="MeteorTokenizer"/>.
/// </summary>
internal static class Meteor
{
    private const double Alpha = 0.85;
    private const double Beta = 0.2;
    private const double Gamma = 0.6;
    private const double Delta = 0.75;

    // Exact, stem, synonym.
    private static ReadOnlySpan<double> Weights => [1, 0.6, 0.8];

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static MeteorScore Corpus(IReadOnlyList<Segment> segments, MeteorResources resources) =>
        Score(MeteorCounts.Sum(ParallelRows.Map(segments, segment => OfSegment(segment, resources).Counts)));

    /// <summary>The score of one segment against its best reference.</summary>
    public static MeteorScore OfSegment(Segment segment, MeteorResources resources)
    {
        string[] output = MeteorTokenizer.Tokens(segment.Output, resources.NonbreakingPrefixes);
        return segment.References.Select(text =>
        {
            string[] reference = MeteorTokenizer.Tokens(text, resources.NonbreakingPrefixes);
            MeteorMatch?[] alignment = MeteorAligner.Align(output, reference, resources);
            return Score(MeteorCounts.Of(output, reference, alignment, resources.FunctionWords));
        }).MaxBy(score => score.Score)!;
    }

    private static MeteorScore Score(MeteorCounts counts)
    {
        double precision = counts.Output.Share(Delta, Weights), recall = counts.Reference.Share(Delta, Weights);
        double mean = 1 / ((1 - Alpha) / precision + Alpha / recall);
        double penalty = Gamma * Math.Pow(counts.CountedChunks / (double)counts.Matches, Beta);
        double score = mean * (1 - penalty);
        return new MeteorScore(double.IsNaN(score) ? 0 : score, precision, recall, penalty, counts);
    }
}

/// <summary>A METEOR score and its parts.</summary>
/// <param name="Score">From 0 to 1.</param>
/// <param name="Precision">Weighted share of the output's words that are matched.</param>
/// <param name="Recall">Weighted share of the reference's words that are matched.</param>
/// <param name="Penalty">What matches out of order cost, from 0 to 0.6.</param>
/// <param name="Counts">What they are computed from.</param>
internal sealed record MeteorScore(double Score, double Precision, double Recall, double Penalty, MeteorCounts Counts);
