using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>
/// What a GGUF file's <c>tokenizer.ggml.pre</c> stands for: how byte-level text is cut before it is merged. The names
/// are llama.cpp's; what the files do not say is as in the models' own tokenizers.
/// </summary>
/// <param name="Splitters">Cut the text.</param>
/// <param name="WholePiecesFirst">Whether a piece that is a token is taken as it stands.</param>
/// <param name="Composes">Whether the text is composed (NFC) first.</param>
/// <param name="Begins">Whether texts begin with the begin token where the file does not say.</param>
internal sealed record GgufPreTokenizer(
    IReadOnlyList<PieceSplitter> Splitters, bool WholePiecesFirst = false, bool Composes = false, bool Begins = false)
{
    private const string Gpt2 = "gpt-2", SmolLM = "smollm", Llama3 = "llama-bpe", Qwen2 = "qwen2",
        Gpt4o = "gpt-4o", Dbrx = "dbrx", Smaug = "smaug-bpe", Refact = "refact";

    private const string Remedy = "BaseModel.FromGguf(path, preTokenizer) or --pre-tokenizer";

    private static readonly Dictionary<string, GgufPreTokenizer> Known = new(StringComparer.Ordinal)
    {
        [Gpt2] = new([new Gpt2Splitter()]),
        [SmolLM] = new([new NumberSplitter(individual: true), new Gpt2Splitter()]),
        [Llama3] = new([new Llama3Splitter(longestNumber: 3)], WholePiecesFirst: true, Begins: true),
        [Qwen2] = new([new Llama3Splitter(longestNumber: 1)], Composes: true),
        [Gpt4o] = new([new O200kSplitter()]),
        [Dbrx] = new([new Llama3Splitter(longestNumber: 3)]),
        [Smaug] = new([new Llama3Splitter(longestNumber: 3)]),
        [Refact] = new([new NumberSplitter(individual: true), new Gpt2Splitter()]),
    };

    // Architectures all of whose models were trained with one pre-tokenizer. Llama's is none: SmolLM, Llama 3 and
    // others share it.
    private static readonly Dictionary<string, string> OfArchitectures = new(StringComparer.Ordinal)
    {
        ["gpt2"] = Gpt2,
        ["gptneox"] = Gpt2,
        ["qwen2"] = Qwen2,
        ["qwen3"] = Qwen2,
    };

    /// <summary>The names that may be given, for people.</summary>
    public static string Names { get; } = string.Join(", ", Known.Keys.Select(name => $"'{name}'"));

    /// <summary>Whether there is one of a name.</summary>
    public static bool IsKnown(string name) => Known.ContainsKey(name);

    /// <summary>The pre-tokenizer of a file.</summary>
    /// <param name="key">File and key for messages.</param>
    /// <param name="named">What the file says; null or empty where it says nothing.</param>
    /// <param name="architecture">The file's architecture; null where it names none.</param>
    /// <param name="rules">What the caller named, and which rules hold where nobody named one.</param>
    /// <param name="notes">Takes how former rules differ.</param>
    /// <exception cref="NotSupportedException">The name is not known, or none is named and none is certain.</exception>
    public static GgufPreTokenizer Of(
        string key, string? named, string? architecture, TextRules rules, ICollection<string> notes)
    {
        // As llama.cpp: 'default' and an empty name say as little as no key at all.
        if (string.IsNullOrEmpty(named))
            named = null;
        string? told = rules.PreTokenizer ?? (named == "default" ? null : named);
        if (told is not null)
            return Known.GetValueOrDefault(told) ?? throw new NotSupportedException(
                $"{key}: found {FileText.Quote(told)}, supported are {Names}. Where one of them cuts text alike, name "
                + $"it by {Remedy}.");
        string? certain = OfArchitectures.GetValueOrDefault(architecture ?? "");
        if (rules.Version == 1)
        {
            if (certain != Gpt2)
                notes.Add($"{key} is {(named is null ? "missing" : "'default'")}: text is cut by GPT-2's pattern, "
                    + $"today {(certain is null ? "a pre-tokenizer is asked for" : $"by that of '{certain}'")}");
            return Known[Gpt2];
        }
        return certain is not null ? Known[certain] : throw new NotSupportedException(
            $"{key}: expected the name of a pre-tokenizer, found {(named is null ? "none" : "'default'")}, and the "
            + $"architecture {FileText.Quote(architecture ?? "")} has models of several. Name the one that the model "
            + $"was trained with, by {Remedy}: {Names} (Llama 3: '{Llama3}').");
    }
}
