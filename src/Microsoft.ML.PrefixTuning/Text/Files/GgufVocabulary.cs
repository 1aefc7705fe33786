using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
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

    private readonly TextRules _rules;
    private readonly List<string> _formerRules = [];

    private GgufVocabulary(
        IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize, TextRules rules)
    {
        (_metadata, _file, _rules) = (metadata, file, rules);
        _pieces = ReadPieces();
        _tables = SentencePieceVocabulary.Tables(_pieces, $"{_file}: '{Prefix}tokens'", vocabularySize);
        _tables.Complete();
    }

    /// <inheritdoc cref="PretrainedTokenizer.FromGguf(string, string?)"/>
    public static TokenizerParts Read(
        IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize, TextRules rules)
    {
        if (!metadata.TryGetValue(Prefix + "model", out object? model))
            throw new FormatException($"{file}: '{Prefix}model' is missing: the file holds no tokenizer.");
        TokenizerParts parts = model switch
        {
            "gpt2" => new GgufVocabulary(metadata, file, vocabularySize, rules).ByteLevelParts(),
            "llama" => new GgufVocabulary(metadata, file, vocabularySize, rules).SentencePieceParts(),
            _ => throw new NotSupportedException(
                $"{file}: '{Prefix}model': found {FileText.Quote(model as string ?? model.GetType().Name)}, "
                + "supported are 'gpt2' and 'llama'."),
        };
        return parts with { ChatTemplate = metadata.GetValueOrDefault("tokenizer.chat_template") as string };
    }

    private TokenizerParts ByteLevelParts()
    {
        string? architecture = _metadata.GetValueOrDefault("general.architecture") as string;
        GgufPreTokenizer pre = GgufPreTokenizer.Of(
            $"{_file}: '{Prefix}pre'", Find<string>("pre"), architecture, _rules, _formerRules);
        var symbols = new ByteSymbols(_tables.TextTokens(), default);
        return Finish(new TokenizerParts
        {
            Kind = ByteAlphabet.Kind,
            Tokens = _tables.Vocabulary.All(),
            Added = _tables.Added,
            Normalizers = pre.Composes ? [new CompositionNormalizer()] : [],
            Splitters = pre.Splitters,
            Model = new BytePairModel(symbols, ReadMerges(), pre.WholePiecesFirst),
            Decoder = new TokenDecoder(_tables.TextBytes(ByteAlphabet.BytesOf), wordBegins: null),
        }, pre.Begins);
    }

    private TokenizerParts SentencePieceParts()
    {
        if (_rules.PreTokenizer is { } named)
            throw new NotSupportedException($"{_file}: '{Prefix}model': found 'llama', a kind of tokenizer that has no "
                + $"pre-tokenizer; expected none to be named, found {FileText.Quote(named)}.");
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
            Tokens = _tables.Vocabulary.All(),
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
            LeftOut = _tables.LeftOut,
            FormerRules = _formerRules,
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
        int count = _tables.Vocabulary.Count;
        if (id is long found && GgufTokenId.IsNone(key, found, count))
            return null;
        return id is >= 0 && id < count ? (int)id
            : throw new FormatException(
                $"{_file}: '{Prefix}{key}': expected an id from 0 to {count - 1}, found {value}.");
    }

    private bool? Flag(string key) => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as bool? ?? throw Wrong(key, "true or false", value);

    private T? Find<T>(string key) where T : class => !_metadata.TryGetValue(Prefix + key, out object? value) ? null
        : value as T ?? throw Wrong(key, typeof(T).Name, value);

    private FormatException Wrong(string key, string expected, object value) =>
        new($"{_file}: '{Prefix}{key}': expected {expected}, found {value.GetType().Name}.");

    private FormatException Missing(string key) => new($"{_file}: '{Prefix}{key}' is missing.");
}
