using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// One row to be continued. Rows of one call may carry different prefixes, of different lengths and conventions.
/// </summary>
/// <param name="Source">
/// Ids as the model reads them, at least one: begin token included; encoder-decoder: the encoder's input.
/// </param>
/// <param name="Prefix">
/// The row's prefix on the model's device; null for the base alone. Stays the caller's, and is read where it lies until
/// the row is done: rows of one prefix share its memory.
/// </param>
/// <param name="Draw">What tells rows of one source apart under sampling; null where nothing does.</param>
internal sealed record GenerationPrompt(int[] Source, PrefixTensors? Prefix, string? Draw = null);
