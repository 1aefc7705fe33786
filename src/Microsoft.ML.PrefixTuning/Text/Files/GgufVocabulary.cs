using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>Reads a tokenizer from the <c>tokenizer.ggml.*</c> keys of a GGUF file.</summary>
internal sealed class GgufVocabulary
{
    private const string Prefix = "tokenizer.ggml.";

    private readonly IReadOnlyDictionary<string, object> _metadata;
    private readonly string _file;
    private readonly SentencePiece[] _pieces;
    private readonly TokenTables _tables;

    private GgufVocabulary(IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize)
    {
        (_metadata, _file) = (metadata, file);
        _pieces = ReadPieces();
        _tables = SentencePieceVocabulary.Tables(_pieces, $"{_file}: '{Prefix}tokens'", vocabularySize);
        _tables.Complete();
    }

    /// <inheritdoc cref="PretrainedTokenizer.FromGguf"/>
    public static TokenizerParts Read(IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize)
    {
        if (!metadata.TryGetValue(Prefix + "model", out object? model))
            throw new FormatException($"{file}: '{Prefix}model' is missing: the file holds no tokenizer.");
        return model switch
        {
            "gpt2" => new GgufVocabulary(metadata, file, vocabularySize).ByteLevelParts(),
            "llama" => new GgufVocabulary(metadata, file, vocabularySize).SentencePieceParts(),
            _ => throw new NotSupportedException(
                $"{file}: '{Prefix}model': found {FileText.Quote(model as string ?? model.GetType().Name)}, "
                + "supported are 'gpt2' and 'llama'."),
        };
    }

    private TokenizerParts ByteLevelParts()
    {
        string name = Find<string>("pre") ?? "default";
        (PieceSplitter[] splitters, bool whole, bool composes, bool begins) = name switch
        {
            // Files without a name are of the time when GPT-2's pattern was the only one.
            "default" or "gpt-2" => ((PieceSplitter[])[new Gpt2Splitter()], false, false, false),
            "smollm" => ([new NumberSplitter(individual: true), new Gpt2Splitter()], false, false, false),
            "llama-bpe" => ([new Llama3Splitter(longestNumber: 3)], true, false, true),
            "qwen2" => ([new Llama3Splitter(longestNumber: 1)], false, true, false),
            _ => throw new NotSupportedException(
                $"{_file}: '{Prefix}pre': found {FileText.Quote(name)}, supported are 'default', 'gpt-2', 'smollm',"
                    + " 'llama-bpe' and 'qwen2'."),
        };
        var symbols = new ByteSymbols(_tables.TextTokens(), default);
        return Finish(new TokenizerParts
        {
            Kind = ByteAlphabet.Kind,
            TokenCount = _tables.Vocabulary.Count,
            Added = _tables.Added,
            Normalizers = composes ? [new CompositionNormalizer()] : [],
            Splitters = splitters,
            Model = new BytePairModel(symbols, ReadMerges(), whole),
            Decoder = new TokenDecoder(_tables.TextBytes(ByteAlphabet.BytesOf), wordBegins: null),
        }, begins);
    }

    private TokenizerParts SentencePieceParts()
    {
        if (_pieces.Length > 0 && Find<float[]>("scores") is null)
            throw Missing("scores");
        int[] byteIds = SentencePieceVocabulary.ByteIds(_tables);
        bool prefix = Flag("add_space_prefix") ?? true;
        Dictionary<string, int> tokens = SentencePieceVocabulary.TextTokens(_pieces, _tables);
        var symbols = new CodePointSymbols(tokens, byteIds, default);
        byte[][] bytes = _tables.TextBytes(SentencePieceVocabulary.BytesOfWithFallback);
        return Finish(new TokenizerParts
        {
            Kind = SentencePieceVocabulary.BytePairKind,
            TokenCount = _tables.Vocabulary.Count,
            Added = _tables.Added,
            Normalizers = [new SpaceMarkNormalizer(prefix, collapse: false)],
            Model = new BytePairModel(symbols, SentencePieceVocabulary.Merges(_pieces, tokens),
                wholePiecesFirst: false),
            Decoder = new TokenDecoder(bytes, prefix ? SentencePieceVocabulary.WordBegins(_tables.Vocabulary) : null),
        }, begins: true);
    }

    private SentencePiece[] ReadPieces()
    {
        string[] tokens = Find<string[]>("tokens") ?? throw Missing("tokens");
        int[]? types = Find<int[]>("token_type");
        float[]? scores = Find<float[]>("scores");
        CheckLength("token_type", types?.Length, tokens.Length);
        CheckLength("scores", scores?.Length, tokens.Length);
        var pieces = new SentencePiece[tokens.Length];
        for (int id = 0; id < pieces.Length; id++)
        {
            var type = (PieceType)(types?[id] ?? (int)PieceType.Normal);
            float score = scores?[id] ?? 0;
            if (tokens[id].Length == 0 || !Enum.IsDefined(type) || !float.IsFinite(score))
                throw new FormatException(
                    $"{_file}: '{Prefix}tokens': token {id}: expected a text, a type from 1 to 6 and a finite score, "
                    + $"found {FileText.Quote(tokens[id])}, {(int)type} and {score}.");
            pieces[id] = new SentencePiece(tokens[id], score, type);
        }
        return pieces;
    }

    private void CheckLength(string key, int? found, int tokens)
    {
        if (found is not null && found != tokens)
            throw new FormatException(
                $"{_file}: '{Prefix}{key}': expected one for each of {tokens} tokens, found {found}.");
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
        foreach (string key in _metadata.Keys)
        {
            if (key.StartsWith(Prefix, StringComparison.Ordinal) && key.EndsWith("_token_id", StringComparison.Ordinal))
                Id(key[Prefix.Length..]);
        }
        bool addsBegin = Flag("add_bos_token") ?? begins, addsEnd = Flag("add_eos_token") ?? false;
        return parts with
        {
            Prologue = addsBegin && begin is int first ? [first] : [],
            Epilogue = addsEnd && end is int last ? [last] : [],
        };
    }

    private int? Id(string key)
    {
        if (!_metadata.TryGetValue(Prefix + key, out object? value))
            return null;
        long? id = value switch
        {
            uint number => number,
            int number => number,
            ulong number => (long)number,
            long number => number,
            _ => null,
        };
        if (id is >= 0 && id < _tables.Vocabulary.Count)
            return (int)id;
        throw new FormatException(
            $"{_file}: '{Prefix}{key}': expected an id from 0 to {_tables.Vocabulary.Count - 1}, found {value}.");
    }

    private bool? Flag(string key) => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as bool? ?? throw Wrong(key, "true or false", value);

    private T? Find<T>(string key) where T : class => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as T ?? throw Wrong(key, typeof(T).Name, value);

    private FormatException Wrong(string key, string expected, object value) =>
        new($"{_file}: '{Prefix}{key}': expected {expected}, found {value.GetType().Name}.");

    private FormatException Missing(string key) => new($"{_file}: '{Prefix}{key}' is missing.");
}
