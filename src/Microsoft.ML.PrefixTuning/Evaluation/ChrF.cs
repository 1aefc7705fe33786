using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// chrF (Popović, 2015) and chrF++ (Popović, 2017) as sacreBLEU 2.6.0 computes them, from 0 to 100: an F score over
/// character n-grams, and word n-grams. Characters are Unicode's code points, white space left out; words are split at
/// white space, with one ASCII punctuation character at their end, or else at their beginning, as a word of its own.
/// </summary>
internal static class ChrF
{
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    private const int CharacterOrder = 6;
    private const double BetaSquared = 2 * 2;

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static double Corpus(IReadOnlyList<Segment> segments, ChrFOptions options)
    {
        var sum = new Counts[CharacterOrder + options.WordOrder];
        foreach (Counts[] counts in ParallelRows.Map(segments, segment => Best(segment, options)))
        {
            for (int i = 0; i < sum.Length; i++)
                sum[i] = new Counts(sum[i].Output + counts[i].Output, sum[i].Reference + counts[i].Reference,
                    sum[i].Matches + counts[i].Matches);
        }
        return Score(sum);
    }

    // Counts against the reference with the best score, the first of equals.
    private static Counts[] Best(Segment segment, ChrFOptions options)
    {
        var characters = new NGramNumbers<int>(CharacterOrder);
        var words = new NGramNumbers<string>(Math.Max(1, options.WordOrder));
        Text output = Count(segment.Output, options, characters, words);
        Counts[] best = [];
        double bestScore = -1;
        foreach (string reference in segment.References)
        {
            Counts[] counts = Compare(output, Count(reference, options, characters, words), options);
            double score = Score(counts);
            if (score > bestScore)
                (best, bestScore) = (counts, score);
        }
        return best;
    }

    private static Text Count(string text, ChrFOptions options, NGramNumbers<int> characters,
        NGramNumbers<string> words)
    {
        if (options.Lowercase)
            text = LowerCase.Of(text);
        int[] codePoints = [.. string.Concat(Whitespace.Split(text)).EnumerateRunes().Select(rune => rune.Value)];
        return new Text(characters.Count(codePoints), options.WordOrder == 0 ? null : words.Count(Words(text)));
    }

    private static string[] Words(string text)
    {
        var words = new List<string>();
        foreach (string word in Whitespace.Split(text))
        {
            if (word.Length > 1 && Punctuation.Contains(word[^1]))
                words.AddRange(word[..^1], word[^1..]);
            else if (word.Length > 1 && Punctuation.Contains(word[0]))
                words.AddRange(word[..1], word[1..]);
            else
                words.Add(word);
        }
        return [.. words];
    }

    private static Counts[] Compare(Text output, Text reference, ChrFOptions options)
    {
        var counts = new Counts[CharacterOrder + options.WordOrder];
        for (int i = 0; i < counts.Length; i++)
        {
            bool isWord = i >= CharacterOrder;
            NGramCounts found = isWord ? output.Words! : output.Characters;
            NGramCounts wanted = isWord ? reference.Words! : reference.Characters;
            int order = isWord ? i - CharacterOrder + 1 : i + 1, total = wanted.Total(order);
            // Where the reference has no n-gram of this order, the output's are not held against it.
            counts[i] = new Counts(total == 0 ? 0 : found.Total(order), total, found.Overlap(wanted, order));
        }
        return counts;
    }

    // Orders that a side is too short for are left out.
    private static double Score(Counts[] counts)
    {
        double precisions = 0, recalls = 0;
        int orders = 0;
        foreach ((int output, int reference, int matches) in counts)
        {
            if (output == 0 || reference == 0)
                continue;
            precisions += matches / (double)output;
            recalls += matches / (double)reference;
            orders++;
        }
        if (precisions + recalls == 0)
            return 0;
        (double precision, double recall) = (precisions / orders, recalls / orders);
        return 100 * (1 + BetaSquared) * precision * recall / (BetaSquared * precision + recall);
    }

    private readonly record struct Counts(int Output, int Reference, int Matches);

    private readonly record struct Text(NGramCounts Characters, NGramCounts? Words);
}
