using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.ExceptionServices;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Continues the rows of a call, all by the same rules, through one loop. A row's result does not depend on its
/// neighbours, on its place or on the batch size (float32).
/// </summary>
/// <remarks>Owns the loop, whose caches are kept between calls, not the model. One call at a time.</remarks>
/// <param name="loop">The loop.</param>
/// <param name="spec">The model that it runs.</param>
/// <param name="rules">How rows are continued.</param>
internal sealed class BatchWriter(IDecodingLoop loop, TransformerSpec spec, GenerationRules rules) : IDisposable
{
    private readonly TokenConstraints _constraints = new(rules);

    /// <summary>One over a model.</summary>
    public BatchWriter(LanguageModel model, GenerationRules rules)
        : this(new DecodingLoop(model, rules.Lanes), model.Spec, rules)
    {
    }

    /// <summary>Continues all rows of a look-ahead window.</summary>
    /// <param name="prompts">
    /// The rows. Source, prefix and at least one new token fit the context window; there generation stops.
    /// </param>
    /// <param name="checkAlive">Called for every token; throws to cancel.</param>
    /// <returns>The sequences of each row, best first, in the order of the prompts.</returns>
    /// <exception cref="ArgumentException">A prompt has no token.</exception>
    /// <exception cref="PromptMemoryException">Memory does not suffice for a row.</exception>
    public IReadOnlyList<GeneratedSequence[]> Generate(IReadOnlyList<GenerationPrompt> prompts,
        Action? checkAlive = null)
    {
        using var inference = inference_mode();
        ActiveRow[] rows =
            [.. prompts.Select((prompt, index) => new ActiveRow(index, prompt, rules, _constraints, spec))];
        // Longest first: rows read together are alike, and the cache grows at once to what it needs.
        var waiting = new Queue<ActiveRow>(rows.OrderByDescending(row => row.Prompt.Source.Length));
        var results = new GeneratedSequence[rows.Length][];
        int lanes = TokenSearch.LanesOf(rules), slots = Math.Max(1, Math.Min(rules.BatchSize / lanes, rows.Length));
        loop.Open(new DecodingLimits(slots * lanes), rows);
        try
        {
            while (waiting.Count > 0 || loop.Count > 0)
            {
                checkAlive?.Invoke();
                loop.Advance(waiting);
                foreach (ActiveRow row in loop.TakeOut(row => row.IsOver))
                {
                    if (row.Fault is { } fault)
                        Throw(row, fault);
                    results[row.Index] = row.Search.Results();
                }
            }
        }
        catch (Exception fault) when (MemoryFault.Is(fault))
        {
            // Of those that are under way the longest takes the most.
            Throw(rows.Where(row => results[row.Index] is null).MaxBy(row => row.Prompt.Source.Length)!, fault);
        }
        return results;
    }

    public void Dispose() => loop.Dispose();

    private static void Throw(ActiveRow row, Exception fault)
    {
        if (MemoryFault.Is(fault))
            throw new PromptMemoryException(row.Index, fault);
        ExceptionDispatchInfo.Throw(fault);
    }
}
