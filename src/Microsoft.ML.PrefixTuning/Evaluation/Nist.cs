using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// NIST (Doddington, 2002) as the scripts of the E2E challenge compute it, 0 and more: matched n-grams up to order 5,
/// each weighted by its information in the references, times a penalty for short output. Tokenisation: lower case,
/// mteval-v13a.
/// </summary>
/// <remarks>Source: e2e-metrics, <c>metrics/pymteval.py</c>.</remarks>
internal static class Nist
{
    private const int MaxOrder = 5;

    // The penalty is 1/2 where output has 2/3 of the references' length.
    private static readonly double Beta = Math.Log(2) / Math.Pow(Math.Log(1.5), 2);

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static double Corpus(IReadOnlyList<Segment> segments)
    {
        if (segments.Count == 0)
            return 0;
        var numbers = new NGramNumbers<string>(MaxOrder);
        var information = new Information(numbers);
        var matches = new List<Dictionary<int, int>[]>(segments.Count);
        var lengths = new int[MaxOrder];
        double referenceLength = 0;
        foreach (Segment segment in segments)
        {
            NGramCounts output = numbers.Count(MtevalBleu.Tokens(segment.Output));
            NGramCounts[] references =
                [.. segment.References.Select(text => numbers.Count(MtevalBleu.Tokens(text)))];
            foreach (NGramCounts reference in references)
                information.Add(reference);
            matches.Add(Matches(output, NGramCounts.Union(references)));
            for (int i = 0; i < MaxOrder; i++)
                lengths[i] += output.Tokens.Length - i;
            referenceLength += references.Average(reference => reference.Tokens.Length);
        }
        double sum = 0;
        for (int order = 1; order <= MaxOrder; order++)
        {
            // An order for which every output is too short adds nothing.
            if (lengths[order - 1] > 0)
                sum += matches.Sum(found => information.Of(order, found[order - 1])) / lengths[order - 1];
        }
        return sum * Penalty(lengths[0] / referenceLength);
    }

    private static Dictionary<int, int>[] Matches(NGramCounts output, NGramCounts references)
    {
        var matches = new Dictionary<int, int>[MaxOrder];
        for (int order = 1; order <= MaxOrder; order++)
        {
            matches[order - 1] = [];
            foreach ((int gram, int count) in output[order])
            {
                if (references[order].TryGetValue(gram, out int limit))
                    matches[order - 1].Add(gram, Math.Min(count, limit));
            }
        }
        return matches;
    }

    private static double Penalty(double ratio) => ratio >= 1 ? 1 : Math.Exp(-Beta * Math.Pow(Math.Log(ratio), 2));

    /// <summary>How much an n-gram says: log2 of how much rarer it is in all references than its beginning.</summary>
    private sealed class Information(NGramNumbers<string> numbers)
    {
        private readonly Dictionary<int, int>[] _counts = [[], [], [], [], []];
        private int _tokens;

        public void Add(NGramCounts reference)
        {
            _tokens += reference.Tokens.Length;
            for (int order = 1; order <= MaxOrder; order++)
            {
                foreach ((int gram, int count) in reference[order])
                    _counts[order - 1][gram] = _counts[order - 1].GetValueOrDefault(gram) + count;
            }
        }

        public double Of(int order, Dictionary<int, int> grams)
        {
            double sum = 0;
            foreach ((int gram, int count) in grams)
            {
                int beginning = order == 1 ? _tokens : _counts[order - 2][numbers.BeginningOf(order, gram)];
                sum += count * Math.Log2(beginning / (double)_counts[order - 1][gram]);
            }
            return sum;
        }
    }
}
