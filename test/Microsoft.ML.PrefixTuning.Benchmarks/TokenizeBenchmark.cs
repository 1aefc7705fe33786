using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// How fast texts become ids on one thread, and what remembering short pieces has in it: with nothing remembered at the
/// beginning of every text, at the beginning of the file, and with the whole file seen before.
/// </summary>
internal static class TokenizeBenchmark
{
    private const int Rounds = 30;

    /// <summary>Measures, a text being a line of a file, with SmolLM2's tokenizer or another.</summary>
    /// <param name="arguments">The file; a folder or a GGUF file with a tokenizer.</param>
    public static void Measure(string[] arguments)
    {
        string[] texts = File.ReadAllLines(arguments[0]);
        TokenizerParts parts = Read(arguments.Length > 1 ? arguments[1] : SmolLM2.Instruct135M.Path);
        double characters = texts.Sum(text => (double)text.Length);
        double[] best = [double.MaxValue, double.MaxValue, double.MaxValue];
        long tokens = 0;
        // The first round is the compiler's.
        for (int round = 0; round <= Rounds; round++)
        {
            TokenPipeline[] anew = [.. texts.Select(_ => new TokenPipeline(parts))];
            var shared = new TokenPipeline(parts);
            double[] seconds =
            [
                Time(() => tokens = texts.Zip(anew, Encode).Sum()),
                Time(() => texts.Sum(text => Encode(text, shared))),
                Time(() => texts.Sum(text => Encode(text, shared))),
            ];
            for (int i = 0; i < best.Length && round > 0; i++)
                best[i] = Math.Min(best[i], seconds[i]);
        }
        Console.WriteLine($"{texts.Length:N0} texts, {characters / 1e6:F2} million characters, {tokens:N0} tokens");
        string[] starts = ["empty before every text", "empty before the file", "file seen before"];
        foreach ((string what, double seconds) in starts.Zip(best))
        {
            Console.WriteLine($"{what,-25} {tokens / seconds / 1e6,6:F2} million tokens,"
                + $" {characters / seconds / 1e6,6:F1} million characters a second,"
                + $" {seconds / best[0],5:P0} of the time");
        }
    }

    private static TokenizerParts Read(string path)
    {
        if (Directory.Exists(path))
            return TokenizerFolder.Read(path, int.MaxValue, TextRules.Latest);
        using GgufFile file = GgufFile.Open(path);
        return GgufVocabulary.Read(file.Metadata, file.Name, GgufTokenIds.RowsOf(file), TextRules.Latest);
    }

    private static long Encode(string text, TokenPipeline pipeline)
    {
        var sink = new TokenSink();
        pipeline.Encode(pipeline.Cut(text, special: false), TextPlace.Opening, sink);
        return sink.Ids.Count;
    }

    // The processor's time: on a machine that others use too, the clock tells of them.
    private static double Time(Action action)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        action();
        return (Environment.CpuUsage.TotalTime - start).TotalSeconds;
    }
}
