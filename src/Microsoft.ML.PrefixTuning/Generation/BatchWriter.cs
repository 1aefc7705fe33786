using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.ExceptionServices;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Continues the rows of a call, all by the same rules, through one <see cref="DecodingLoop"/>. A row's result does not
/// depend on its neighbours, on its place or on the batch size (float32).
/// </summary>
/// <remarks>Owns the loop, whose caches are kept between calls, not the model. One call at a time.</remarks>
internal sealed class BatchWriter(LanguageModel model, GenerationRules rules) : IDisposable
{
    private readonly TokenConstraints _constraints = new(rules);
    private readonly DecodingLoop _loop = new(model);

    /// <summary>Continues all rows of a look-ahead window.</summary>
    /// <param name="prompts">
    /// The rows. Source, prefix and at least one new token fit the context window; there generation stops.
    /// </param>
    /// <param name="checkAlive">Called for every token; throws to cancel.</param>
    /// <returns>The sequences of each row, best first, in the order of the prompts.</returns>
    /// <exception cref="ArgumentException">A prompt has no token.</exception>
    public IReadOnlyList<GeneratedSequence[]> Generate(IReadOnlyList<GenerationPrompt> prompts,
        Action? checkAlive = null)
    {
        using var inference = inference_mode();
        ActiveRow[] rows =
            [.. prompts.Select((prompt, index) => new ActiveRow(index, prompt, rules, _constraints, model.Spec))];
        // Longest first: rows read together are alike, and the cache grows at once to what it needs.
        var waiting = new Queue<ActiveRow>(rows.OrderByDescending(row => row.Prompt.Source.Length));
        var results = new GeneratedSequence[rows.Length][];
        int lanes = TokenSearch.LanesOf(rules), slots = Math.Max(1, Math.Min(rules.BatchSize / lanes, rows.Length));
        _loop.Open(new DecodingLimits(slots * lanes), rows);
        while (waiting.Count > 0 || _loop.Count > 0)
        {
            checkAlive?.Invoke();
            _loop.Advance(waiting);
            foreach (ActiveRow row in _loop.TakeOut(row => row.IsOver))
            {
                if (row.Fault is { } fault)
                    ExceptionDispatchInfo.Throw(fault);
                results[row.Index] = row.Search.Results();
            }
        }
        return results;
    }

    public void Dispose() => _loop.Dispose();
}
