using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Continues rows of ids: reads prompts, steps all active rows at once, retires finished rows and puts waiting ones in
/// their places. A row's result does not depend on its neighbours, on its place or on the batch size (float32).
/// </summary>
/// <remarks>Owns a key/value cache, kept between calls, not the model. One call at a time.</remarks>
internal sealed class BatchWriter(LanguageModel model, GenerationRules rules) : IDisposable
{
    private readonly TokenConstraints _constraints = new(rules);
    private readonly GenerationBatch _batch = new(model, rules);

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
        _batch.Open(rows);
        while (waiting.Count > 0 || _batch.Count > 0)
        {
            checkAlive?.Invoke();
            if (waiting.Count > 0 && _batch.WantsRows)
                _batch.Add(waiting);
            else
                _batch.Step();
            foreach (ActiveRow row in _batch.TakeFinished())
                results[row.Index] = row.Search.Results();
        }
        return results;
    }

    public void Dispose() => _batch.Dispose();
}
