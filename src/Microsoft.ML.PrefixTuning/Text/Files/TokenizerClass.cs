using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>
/// The classes of transformers, which say what a vocabulary's file leaves open: how text is cut, what goes around it,
/// and from which id on the vocabulary's tokens are counted.
/// </summary>
internal static class TokenizerClass
{
    /// <summary>Where a folder names its class.</summary>
    public const string Key = "tokenizer_config.json: 'tokenizer_class'";

    // transformers' choice where nothing is named (models/auto/tokenization_auto.py), for the types of models that are
    // read here and have a class that reads its files otherwise than they are read here without a name.
    private static readonly Dictionary<string, string> OfTypes = new(StringComparer.Ordinal)
    {
        ["bart"] = "BartTokenizer",
        ["mbart"] = "MBartTokenizer",
        ["pegasus"] = "PegasusTokenizer",
        ["qwen2"] = "Qwen2Tokenizer",
        ["qwen3"] = "Qwen2Tokenizer",
    };

    /// <summary>A class by its plain name: those of both implementations read the same.</summary>
    public static string Plain(string name) =>
        name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^"Fast".Length] : name;

    /// <summary>
    /// The class that transformers takes where <c>tokenizer_config.json</c> names none: that of <c>config.json</c>,
    /// else that of the model's type; null where neither says one.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="FormatException">config.json is no JSON, or a field of it is no text.</exception>
    public static string? OfModel(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            return null;
        JsonSection config = JsonSection.Read(path);
        return config.TextOf("tokenizer_class") is { } named ? Plain(named)
            : OfTypes.GetValueOrDefault(config.TextOf("model_type") ?? "");
    }
}
