using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// CIDEr (Vedantam et al., 2015) as pycocoevalcap and so the E2E challenge compute it, from 0 to 10: the mean cosine
/// between tf-idf vectors of n-grams up to order 4, in the form CIDEr-D, which clips repeated n-grams and punishes
/// other lengths. Tokenisation: lower case, mteval-v13a in place of the scripts' Penn Treebank tokenizer.
/// </summary>
/// <remarks>
/// Source: e2e-metrics, <c>pycocoevalcap/cider/cider_scorer.py</c>. Lengths are compared in bigrams, as there.
/// </remarks>
internal static class Cider
{
    private const int MaxOrder = 4;
    private const double Sigma = 6;

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static double Corpus(IReadOnlyList<Segment> segments) => OfSegments(segments).DefaultIfEmpty().Average();

    /// <summary>The score of each segment, with the weights that the whole corpus gives.</summary>
    public static double[] OfSegments(IReadOnlyList<Segment> segments)
    {
        var numbers = new NGramNumbers<string>(MaxOrder);
        var counted = new (NGramCounts Output, NGramCounts[] References)[segments.Count];
        Dictionary<int, int>[] frequencies = [[], [], [], []];
        // Segments of one group share their references.
        var known = new Dictionary<object, NGramCounts[]>(ReferenceEqualityComparer.Instance);
        for (int i = 0; i < counted.Length; i++)
        {
            if (!known.TryGetValue(segments[i].References, out NGramCounts[]? references))
                known.Add(segments[i].References, references = [.. segments[i].References.Select(Count)]);
            counted[i] = (Count(segments[i].Output), references);
            AddFrequencies(frequencies, NGramCounts.Union(references));
        }
        double rows = Math.Log(segments.Count);
        return ParallelRows.Map(counted, texts =>
        {
            Vector output = Weigh(texts.Output, frequencies, rows);
            return 10 * texts.References.Average(reference => Similarity(output, Weigh(reference, frequencies, rows)));
        });

        NGramCounts Count(string text) => numbers.Count(MtevalTokenizer.Tokens(LowerCase.Of(text)));
    }

    // In how many segments some reference has an n-gram.
    private static void AddFrequencies(Dictionary<int, int>[] frequencies, NGramCounts references)
    {
        for (int order = 1; order <= MaxOrder; order++)
        {
            foreach (int gram in references[order].Keys)
                frequencies[order - 1][gram] = frequencies[order - 1].GetValueOrDefault(gram) + 1;
        }
    }

    private static Vector Weigh(NGramCounts text, Dictionary<int, int>[] frequencies, double rows)
    {
        var weights = new Dictionary<int, double>[MaxOrder];
        var norms = new double[MaxOrder];
        for (int i = 0; i < MaxOrder; i++)
        {
            weights[i] = new Dictionary<int, double>(text[i + 1].Count);
            foreach ((int gram, int count) in text[i + 1])
            {
                double weight = count * (rows - Math.Log(Math.Max(1, frequencies[i].GetValueOrDefault(gram))));
                weights[i].Add(gram, weight);
                norms[i] += weight * weight;
            }
            norms[i] = Math.Sqrt(norms[i]);
        }
        return new Vector(weights, norms, text.Total(2));
    }

    private static double Similarity(Vector output, Vector reference)
    {
        double sum = 0;
        for (int i = 0; i < MaxOrder; i++)
        {
            double product = 0;
            foreach ((int gram, double weight) in output.Weights[i])
            {
                double wanted = reference.Weights[i].GetValueOrDefault(gram);
                product += Math.Min(weight, wanted) * wanted;
            }
            double norms = output.Norms[i] * reference.Norms[i];
            sum += norms == 0 ? product : product / norms;
        }
        double difference = output.Length - reference.Length;
        return sum / MaxOrder * Math.Exp(-difference * difference / (2 * Sigma * Sigma));
    }

    private readonly record struct Vector(Dictionary<int, double>[] Weights, double[] Norms, int Length);
}
