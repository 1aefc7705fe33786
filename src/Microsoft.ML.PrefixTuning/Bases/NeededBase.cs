namespace Microsoft.ML.PrefixTuning;

/// <summary>The base that a saved model needs.</summary>
/// <param name="Name">Its folder's name, or that of its file behind its folder's, when the model was saved.</param>
/// <param name="Path">Where it lay then.</param>
/// <param name="Weights">
/// SHA-256 over its weights, hexadecimal (docs/model-file.md); null for a token counter, which needs a tokenizer alone.
/// </param>
public sealed record NeededBase(string Name, string Path, string? Weights);
