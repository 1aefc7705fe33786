namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>Which values of a GGUF file's <c>tokenizer.ggml.*_token_id</c> stand for no token.</summary>
internal static class GgufTokenId
{
    private const string Padding = "padding_token_id";

    /// <summary>
    /// Whether an id means none: -1, also where it is written without a sign (llama.cpp's <c>LLAMA_TOKEN_NULL</c>), and
    /// a padding token outside the vocabulary, which no text ever holds.
    /// </summary>
    /// <param name="key">The key behind <c>tokenizer.ggml.</c>.</param>
    /// <param name="id">Its value.</param>
    /// <param name="tokens">Tokens of the vocabulary.</param>
    public static bool IsNone(string key, long id, int tokens) =>
        id is -1 or uint.MaxValue || key == Padding && (id < 0 || id >= tokens);
}
