using System;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// How long metrics take for 100,000 pairs of made-up texts of 10 to 40 words; BLEU, ROUGE and chrF together are to
/// stay under 60 s on 2 cores.
/// </summary>
internal static class MetricsBenchmark
{
    private const int Pairs = 100_000;
    private const int Vocabulary = 5_000;

    /// <summary>Measures, printing every metric.</summary>
    public static void Measure()
    {
        Segment[] segments = MakeSegments(new Random(1));
        Console.WriteLine($"{Pairs:N0} pairs, {Environment.ProcessorCount} cores");
        double together = Time("BLEU", () => Bleu.Corpus(segments, BleuOptions.Default))
            + Time("ROUGE-1, -2, -L", () => Rouge.Corpus(segments, stem: false))
            + Time("chrF", () => ChrF.Corpus(segments, ChrFOptions.Default));
        Console.WriteLine($"{"together",-20} {together,7:F1} s");
        Time("ROUGE, stemmed", () => Rouge.Corpus(segments, stem: true));
        Time("chrF++", () => ChrF.Corpus(segments, ChrFOptions.WithWords));
        Time("BLEU of E2E", () => MtevalBleu.Corpus(segments));
        Time("NIST", () => Nist.Corpus(segments));
        Time("METEOR", () => Meteor.Corpus(segments, MeteorResources.BuiltIn));
        Time("ROUGE-L of E2E", () => CaptionRougeL.Corpus(segments));
        Time("CIDEr", () => Cider.Corpus(segments));
        Time("TER", () => Ter.Corpus(segments, normalize: false));
    }

    // The output is the reference with words exchanged and two of its parts swapped.
    private static Segment[] MakeSegments(Random random)
    {
        string[] words = [.. Enumerable.Range(0, Vocabulary).Select(_ => MakeWord(random))];
        return [.. Enumerable.Range(0, Pairs).Select(_ =>
        {
            string[] reference = [.. Enumerable.Range(0, random.Next(10, 41))
                .Select(_ => words[(int)(Vocabulary * Math.Pow(random.NextDouble(), 3))])];
            int cut = random.Next(reference.Length);
            string[] output = [.. reference[cut..], .. reference[..cut]];
            for (int i = 0; i < output.Length; i += random.Next(2, 8))
                output[i] = words[random.Next(Vocabulary)];
            return new Segment(string.Join(' ', output) + ".", string.Join(' ', reference) + ".");
        })];
    }

    private static string MakeWord(Random random) =>
        new([.. Enumerable.Range(0, random.Next(2, 10)).Select(_ => (char)random.Next('a', 'z' + 1))]);

    private static double Time(string name, Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine($"{name,-20} {seconds,7:F1} s");
        return seconds;
    }
}
