using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>
/// The older form of byte-level BPE: <c>vocab.json</c> and <c>merges.txt</c>. What the files do not say follows from
/// the class that <c>tokenizer_config.json</c> names.
/// </summary>
internal static class VocabularyAndMerges
{
    /// <summary>Tokens and ids.</summary>
    public const string VocabularyFile = "vocab.json";

    /// <summary>Merges, the first rank first.</summary>
    public const string MergesFile = "merges.txt";

    private const string DefaultClass = "GPT2Tokenizer";

    // What each class means: transformers' own defaults.
    private static readonly Dictionary<string, Meaning> Classes = new()
    {
        [DefaultClass] = new(new Gpt2Splitter(), ["<|endoftext|>"]),
        ["BartTokenizer"] = new(new Gpt2Splitter(), ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], Encloses: true),
        ["RobertaTokenizer"] = new(new Gpt2Splitter(), ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], Encloses: true),
        ["Qwen2Tokenizer"] = new(new Llama3Splitter(longestNumber: 1), ["<|endoftext|>"], Composes: true),
    };

    /// <summary>Reads a folder.</summary>
    /// <exception cref="FileNotFoundException">One of the two files is missing.</exception>
    /// <exception cref="FormatException">
    /// A file contradicts itself, the other or the embedding, or no class is named for a model that has another.
    /// </exception>
    /// <exception cref="NotSupportedException">The class is none whose pre-tokenizer is known.</exception>
    public static TokenizerParts Read(string folder, TokenizerSettings settings, int vocabularySize)
    {
        string vocabularyPath = Require(folder, VocabularyFile), mergesPath = Require(folder, MergesFile);
        if (!Classes.TryGetValue(settings.ClassName ?? DefaultClass, out Meaning? meaning))
            throw new NotSupportedException(
                $"{TokenizerClass.Key}: found {FileText.Quote(settings.ClassName!)}; without tokenizer.json "
                + $"supported are {string.Join(", ", Classes.Keys)}.");
        if (settings.ClassName is null && TokenizerClass.OfModel(folder) is { } other && other != DefaultClass
            && !settings.IsFormer(3,
                $"{TokenizerClass.Key}: none is named: {DefaultClass} is taken, today the class is asked for"))
            throw new FormatException(
                $"{TokenizerClass.Key}: expected the class that the model was trained with, which by config.json is "
                + $"{FileText.Quote(other)}, found none; without tokenizer.json {DefaultClass} would be taken.");

        TokenTables tables = ReadVocabulary(vocabularyPath, vocabularySize);
        foreach (string token in meaning.Special)
        {
            if (tables.Vocabulary.IdOf(token) is int id)
                tables.Add(new AddedToken(token, id, Special: true));
        }
        tables.Complete(settings);
        (IReadOnlyList<int> prologue, IReadOnlyList<int> epilogue) = settings.Ends(
            tables.Vocabulary, meaning.Encloses ? IdsOf(tables, "<s>") : [], meaning.Encloses ? IdsOf(tables, "</s>")
                : []);
        var symbols = new ByteSymbols(tables.TextTokens(), default);
        return new TokenizerParts
        {
            Kind = ByteAlphabet.Kind,
            Tokens = tables.Vocabulary.All(),
            Added = tables.Added,
            LeftOut = tables.LeftOut,
            FormerRules = settings.FormerRules,
            Normalizers = [.. meaning.Composes ? (Normalizer[])[new CompositionNormalizer()] : [],
                .. settings.AddsPrefixSpace == true
                    ? (Normalizer[])[new PrefixNormalizer(" ", openingOnly: false, unlessThere: true)] : []],
            Splitters = [meaning.Splitter],
            Model = new BytePairModel(symbols, ReadMerges(mergesPath, tables), wholePiecesFirst: false),
            Decoder = new TokenDecoder(tables.TextBytes(ByteAlphabet.BytesOf), wordBegins: null),
            Prologue = prologue,
            Epilogue = epilogue,
        };
    }

    private static TokenTables ReadVocabulary(string path, int vocabularySize)
    {
        JsonSection json = JsonSection.Read(path);
        var tables = new TokenTables(json.File, vocabularySize, json.Element.GetPropertyCount());
        foreach ((string token, JsonSection id) in json.Fields())
            tables.Vocabulary.Add(token, id.Whole());
        return tables;
    }

    private static List<PairMerge> ReadMerges(string path, TokenTables tables)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true)
                .GetString(File.ReadAllBytes(path));
        }
        catch (DecoderFallbackException fault)
        {
            throw new FormatException($"{MergesFile}: expected UTF-8, found other bytes.", fault);
        }
        var merges = new List<PairMerge>();
        int rank = 0;
        foreach (ReadOnlySpan<char> range in text.AsSpan().EnumerateLines())
        {
            string line = range.ToString();
            if (line.Length == 0 || line.StartsWith("#version", StringComparison.Ordinal))
                continue;
            (string left, string right) = Parts(line, rank, MergesFile);
            if (tables.Merge(left, right, rank, MergesFile) is { } merge)
                merges.Add(merge);
            rank++;
        }
        return merges;
    }

    /// <summary>The two parts of a merge that is written with a space between them.</summary>
    /// <exception cref="FormatException">There are not two parts.</exception>
    public static (string Left, string Right) Parts(string merge, int rank, string where)
    {
        int space = merge.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || space == merge.Length - 1 || merge.LastIndexOf(' ') != space)
            throw new FormatException(
                $"{where}: merge {rank}: expected two tokens with a space between them, found"
                    + $" {FileText.Quote(merge)}.");
        return (merge[..space], merge[(space + 1)..]);
    }

    private static int[] IdsOf(TokenTables tables, string token) => tables.Vocabulary.IdOf(token) is int id ? [id] : [];

    private static string Require(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        return File.Exists(path) ? path
            : throw new FileNotFoundException($"{file}: expected in '{folder}', not found.", path);
    }

    private sealed record Meaning(PieceSplitter Splitter, string[] Special, bool Encloses = false,
        bool Composes = false);
}
