using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>Reads a tokenizer from the <c>tokenizer.ggml.*</c> keys of a GGUF file.</summary>
internal sealed class GgufVocabulary
{
    private const string Prefix = "tokenizer.ggml.";

    private readonly IReadOnlyDictionary<string, object> _metadata;
    private readonly string _file;
    private readonly TokenTables _tables;

    private GgufVocabulary(IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize)
    {
        (_metadata, _file) = (metadata, file);
        _tables = ReadTokens(vocabularySize);
    }

    // The "token_type" values of llama.cpp's llama.h.
    private enum TokenType
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <inheritdoc cref="PretrainedTokenizer.FromGguf"/>
    public static TokenizerParts Read(IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize)
    {
        if (!metadata.TryGetValue(Prefix + "model", out object? model))
            throw new FormatException($"{file}: '{Prefix}model' is missing: the file holds no tokenizer.");
        return model switch
        {
            "gpt2" => new GgufVocabulary(metadata, file, vocabularySize).ByteLevelParts(),
            _ => throw new NotSupportedException(
                $"{file}: '{Prefix}model': found {Quoted.Show(model as string ?? model.GetType().Name)}, supported are 'gpt2' and 'llama'."),
        };
    }

    private TokenizerParts ByteLevelParts()
    {
        string name = Find<string>("pre") ?? "default";
        (PieceSplitter[] splitters, bool whole, bool composes, bool begins) = name switch
        {
            "default" or "gpt-2" => ((PieceSplitter[])[new Gpt2Splitter()], false, false, false),
            "smollm" => ([new NumberSplitter(individual: true), new Gpt2Splitter()], false, false, false),
            "llama-bpe" => ([new Llama3Splitter(longestNumber: 3)], true, false, true),
            "qwen2" => ([new Llama3Splitter(longestNumber: 1)], false, true, false),
            _ => throw new NotSupportedException(
                $"{_file}: '{Prefix}pre': found {Quoted.Show(name)}, supported are 'default', 'gpt-2', 'smollm', 'llama-bpe' and 'qwen2'."),
        };
        var symbols = new ByteSymbols(_tables.TextTokens(), default);
        return Finish(new TokenizerParts
        {
            Kind = ByteLevel.Kind,
            TokenCount = _tables.Vocabulary.Count,
            Added = _tables.Added,
            Normalizers = composes ? [new CompositionNormalizer()] : [],
            Splitters = splitters,
            Model = new BytePairModel(symbols, ReadMerges(), whole),
            Decoder = _tables.Decoder(ByteLevel.BytesOf),
        }, begins);
    }

    private TokenTables ReadTokens(int vocabularySize)
    {
        string[] tokens = Find<string[]>("tokens") ?? throw Missing("tokens");
        int[]? types = Find<int[]>("token_type");
        if (types is not null && types.Length != tokens.Length)
            throw new FormatException($"{_file}: '{Prefix}token_type': expected one for each of {tokens.Length} tokens, found {types.Length}.");
        var tables = new TokenTables($"{_file}: '{Prefix}tokens'", vocabularySize, tokens.Length);
        for (int id = 0; id < tokens.Length; id++)
        {
            tables.Vocabulary.Add(tokens[id], id);
            switch ((TokenType?)types?[id])
            {
                case TokenType.Control or TokenType.Unknown:
                    tables.Add(new AddedToken(tokens[id], id, Special: true));
                    break;
                case TokenType.UserDefined:
                    tables.Add(new AddedToken(tokens[id], id, Special: false));
                    break;
                case TokenType.Unused:
                    tables.ExcludeFromText(id);
                    break;
                case null or TokenType.Normal or TokenType.Byte:
                    break;
                default:
                    throw new FormatException($"{_file}: '{Prefix}token_type': token {id}: expected 1 to 6, found {types![id]}.");
            }
        }
        tables.Complete();
        return tables;
    }

    private List<PairMerge> ReadMerges()
    {
        string[] lines = Find<string[]>("merges") ?? throw Missing("merges");
        string where = $"{_file}: '{Prefix}merges'";
        var merges = new List<PairMerge>(lines.Length);
        for (int rank = 0; rank < lines.Length; rank++)
        {
            (string left, string right) = VocabularyAndMerges.Parts(lines[rank], rank, where);
            if (_tables.Merge(left, right, rank, where) is { } merge)
                merges.Add(merge);
        }
        return merges;
    }

    // Begin and end tokens as the file asks for them, else as llama.cpp adds them for the kind.
    private TokenizerParts Finish(TokenizerParts parts, bool begins)
    {
        int? begin = Id("bos_token_id"), end = Id("eos_token_id");
        foreach (string key in (string[])["unknown_token_id", "seperator_token_id", "padding_token_id", "cls_token_id", "mask_token_id"])
            Id(key);
        return parts with
        {
            Prologue = begin is int first && (Flag("add_bos_token") ?? begins) ? [first] : [],
            Epilogue = end is int last && (Flag("add_eos_token") ?? false) ? [last] : [],
        };
    }

    private int? Id(string key)
    {
        if (!_metadata.TryGetValue(Prefix + key, out object? value))
            return null;
        long? id = value switch { uint number => number, int number => number, ulong number => (long)number, long number => number, _ => null };
        return id is >= 0 && id < _tables.Vocabulary.Count ? (int)id
            : throw new FormatException($"{_file}: '{Prefix}{key}': expected an id from 0 to {_tables.Vocabulary.Count - 1}, found {value}.");
    }

    private bool? Flag(string key) => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as bool? ?? throw Wrong(key, "true or false", value);

    private T? Find<T>(string key) where T : class => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as T ?? throw Wrong(key, typeof(T).Name, value);

    private FormatException Wrong(string key, string expected, object value) =>
        new($"{_file}: '{Prefix}{key}': expected {expected}, found {value.GetType().Name}.");

    private FormatException Missing(string key) => new($"{_file}: '{Prefix}{key}' is missing.");
}
