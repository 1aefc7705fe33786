using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using LLama;
using LLama.Batched;
using LLama.Common;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Greedy decoding of the SmolLM2 base through llama.cpp: this library's loop with a prefix of length 20 and without
/// one, beside LLamaSharp's BatchedExecutor, which knows no prefixes; rows of a batch begin together in all of them.
/// </summary>
internal static class LlamaBenchmark
{
    private const int PrefixLength = 20, NewTokens = 40, Context = 4096;

    /// <summary>Measures batches of 1 and 8.</summary>
    /// <param name="arguments">
    /// Prompts, as for <c>generate</c>; rows at batch size 8 (default 32); repetitions (default 3), of which the best
    /// counts.
    /// </param>
    public static void Measure(string[] arguments)
    {
        int[][] sources = GenerateBenchmark.ReadSources(arguments[0]);
        int rows = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 32;
        int repetitions = arguments.Length > 2 ? int.Parse(arguments[2], CultureInfo.InvariantCulture) : 3;
        using var engine = new LlamaEngine(
            LlamaModel.Load(LlamaBase.Read(SmolLM2.Instruct135M), new LlamaCppOptions(), null));
        using PrefixTensors prefix = engine.Place(Random(engine.Spec));
        foreach (int batchSize in (int[])[1, 8])
        {
            int count = batchSize == 1 ? Math.Max(1, rows / 8) : rows;
            int[][] prompts = [.. Enumerable.Range(0, count).Select(row => sources[row % sources.Length])];
            double with = Best(repetitions, () => Own(engine, prompts, batchSize, prefix));
            double without = Best(repetitions, () => Own(engine, prompts, batchSize, null));
            double executor = Best(repetitions, () => Executor(prompts, batchSize));
            Console.WriteLine($"llama, batch size {batchSize}, {torch.get_num_threads()} threads: {with:F1} tokens/s"
                + $" with a prefix of {PrefixLength}, {without:F1} without, BatchedExecutor {executor:F1};"
                + $" {with / executor:F2}x and {without / executor:F2}x");
        }
    }

    private static double Best(int repetitions, Func<double> measure) =>
        Enumerable.Range(0, repetitions).Max(_ => measure());

    private static double Own(LlamaEngine engine, int[][] prompts, int batchSize, PrefixTensors? prefix)
    {
        // No end token: every run does the same work.
        var rules = new GenerationRules { MaxNewTokens = NewTokens, BatchSize = batchSize };
        using var writer = new BatchWriter(engine.OpenLoop(rules.Lanes), engine.Spec, rules);
        GenerationPrompt[] rows = Array.ConvertAll(prompts, ids => new GenerationPrompt(ids, prefix));
        writer.Generate(rows[..Math.Min(batchSize, rows.Length)]);
        long start = Stopwatch.GetTimestamp();
        foreach (GenerationPrompt[] batch in rows.Chunk(batchSize))
            writer.Generate(batch);
        return prompts.Length * NewTokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Executor(int[][] prompts, int batchSize)
    {
        int threads = torch.get_num_threads();
        var settings = new ModelParams(SmolLM2.Instruct135M.Path)
        {
            ContextSize = Context,
            SeqMax = (uint)batchSize + 1,
            Threads = threads,
            BatchThreads = threads,
        };
        using LLamaWeights weights = LLamaWeights.LoadFromFile(settings);
        using var executor = new BatchedExecutor(weights, settings);
        Write(executor, prompts[..Math.Min(batchSize, prompts.Length)]).GetAwaiter().GetResult();
        long start = Stopwatch.GetTimestamp();
        foreach (int[][] batch in prompts.Chunk(batchSize))
            Write(executor, batch).GetAwaiter().GetResult();
        return prompts.Length * NewTokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task Write(BatchedExecutor executor, int[][] prompts)
    {
        List<Conversation> conversations = [];
        foreach (int[] prompt in prompts)
        {
            Conversation conversation = executor.Create();
            conversation.Prompt(prompt.Select(id => (LLamaToken)id).ToList());
            conversations.Add(conversation);
        }
        for (int written = 0; written < NewTokens; written++)
        {
            // One call runs one batch of what waits.
            while (executor.BatchedTokenCount > 0)
                await executor.Infer();
            foreach (Conversation conversation in conversations)
            {
                int token = GreedySearch.Largest(conversation.Sample());
                if (written < NewTokens - 1)
                    conversation.Prompt((LLamaToken)token);
            }
        }
        foreach (Conversation conversation in conversations)
            conversation.Dispose();
    }

    private static Prefix Random(TransformerSpec spec)
    {
        SiteShape shape = SiteShape.Of(spec, AttentionSite.Decoder, PrefixLength);
        var random = new Random(1);
        return new Prefix([KeyValuePair.Create(AttentionSite.Decoder,
            shape.With([.. Enumerable.Range(0, (int)shape.Count).Select(_ => (float)random.NextDouble() - 0.5f)]))],
            PrefixConvention.DecoderOnly);
    }
}
