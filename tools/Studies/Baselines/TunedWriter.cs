using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>Texts by a model whose weights were tuned, as the library writes them with a prefix.</summary>
/// <param name="frozen">The base, for its tokenizer.</param>
/// <param name="model">The tuned graph; stays the caller's.</param>
/// <param name="options">Template and decoding.</param>
/// <param name="inputColumn">The input column, for messages.</param>
internal sealed class TunedWriter(FrozenBase frozen, LanguageModel model, PrefixTuningOptions options,
    string inputColumn)
{
    /// <summary>The text of each input.</summary>
    /// <param name="inputs">The inputs, each once.</param>
    public Dictionary<string, string> Write(IReadOnlyList<string> inputs)
    {
        using var noGradient = no_grad();
        var encoder = new RowEncoder(frozen.Tokenizer, model.Spec, options.Template, inputColumn, default);
        int most = GenerationRules.Lengths(options.Generation, model.Spec).Most;
        GenerationPrompt[] prompts = [.. inputs.Select((text, place) => new GenerationPrompt(
            encoder.Prompt(new InputRow(place, text), most, options.Generation.Truncation).Ids, null))];
        using var writer = new BatchWriter(model,
            GenerationRules.Of(options.Generation, model.Spec, frozen.Tokenizer, frozen.EndIds));
        var stops = new Stops(options.Generation.StopStrings, ids => frozen.Tokenizer.Decode(ids));
        // As many at once as the library reads ahead.
        return inputs.Zip(prompts).Chunk(options.Generation.LookAhead)
            .SelectMany(rows => rows.Zip(writer.Generate([.. rows.Select(row => row.Second)]),
                (row, written) => (Input: row.First, Text: Text(written[0].Ids))))
            .ToDictionary(row => row.Input, row => row.Text);

        string Text(int[] ids)
        {
            int end = ids.AsEnumerable().TakeWhile(id => !frozen.EndIds.Contains(id)).Count();
            return stops.Cut(frozen.Tokenizer.Decode(ids[..end]));
        }
    }
}
