using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>The ids that steer text, from a GGUF file's <c>tokenizer.ggml.*_token_id</c>.</summary>
/// <param name="keys">The file's keys below <see cref="Prefix"/>.</param>
/// <param name="rows">Rows of the embedding: every id lies below.</param>
internal sealed class GgufTokenIds(GgufKeys keys, int rows)
{
    /// <summary>In front of the keys of a tokenizer.</summary>
    public const string Prefix = "tokenizer.ggml.";

    private const string Embedding = "token_embd.weight";

    /// <param name="file">The file.</param>
    /// <param name="rows">Rows of the embedding: every id lies below.</param>
    public GgufTokenIds(GgufFile file, int rows)
        : this(new GgufKeys(file, Prefix), rows)
    {
    }

    /// <summary>
    /// The tokens that end a text: the end token, which targets end with, then those that end a turn and a message
    /// (llama.cpp's <c>llama_vocab_is_eog</c>); each once.
    /// </summary>
    public IReadOnlyList<int> Ends => [.. ((string[])["eos_token_id", "eot_token_id", "eom_token_id"])
        .Select(Find).OfType<int>().Distinct()];

    /// <summary>Rows of the embedding.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static int RowsOf(GgufFile file) =>
        file.TensorNames.Contains(Embedding) && file.Describe(Embedding).Shape is [var rows, _] ? (int)rows
            : throw new FormatException($"{file.Name}: tensor '{Embedding}': expected a matrix, found none.");

    /// <summary>A key's name in the file.</summary>
    public static string NameOf(string key) => Prefix + key;

    /// <summary>An id, or null where the key is absent or means none.</summary>
    /// <param name="key">The key without its prefix.</param>
    /// <exception cref="FormatException">It is no row of the embedding.</exception>
    public int? Find(string key)
    {
        if (keys.Whole(key) is not { } id || GgufTokenId.IsNone(key, id, rows))
            return null;
        return id >= 0 && id < rows ? (int)id : throw keys.Wrong(key, $"an id from 0 to {rows - 1}");
    }
}
