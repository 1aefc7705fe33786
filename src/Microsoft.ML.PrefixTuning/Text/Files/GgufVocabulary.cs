using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>Reads a tokenizer from the <c>tokenizer.ggml.*</c> keys of a GGUF file.</summary>
internal sealed class GgufVocabulary
{
    private readonly string? _architecture;
    private readonly GgufKeys _keys;
    private readonly SentencePiece[] _pieces;
    private readonly TokenTables _tables;

    private readonly TextRules _rules;
    private readonly List<string> _formerRules = [];

    private GgufVocabulary(GgufKeys keys, string? architecture, int vocabularySize, TextRules rules)
    {
        (_keys, _architecture, _rules) = (keys, architecture, rules);
        _pieces = ReadPieces();
        _tables = SentencePieceVocabulary.Tables(_pieces, keys.PlaceOf("tokens"), vocabularySize);
        _tables.Complete();
    }

    /// <inheritdoc cref="PretrainedTokenizer.FromGguf(string, string?)"/>
    public static TokenizerParts Read(
        IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize, TextRules rules)
    {
        var keys = new GgufKeys(metadata, file, GgufTokenIds.Prefix);
        string? architecture = metadata.GetValueOrDefault("general.architecture") as string;
        TokenizerParts parts = keys.Value("model") switch
        {
            null => throw new FormatException($"{keys.PlaceOf("model")} is missing: the file holds no tokenizer."),
            "gpt2" => new GgufVocabulary(keys, architecture, vocabularySize, rules).ByteLevelParts(),
            "llama" => new GgufVocabulary(keys, architecture, vocabularySize, rules).SentencePieceParts(),
            _ => throw keys.Unsupported("model", "'gpt2' or 'llama'"),
        };
        return parts with { ChatTemplate = metadata.GetValueOrDefault("tokenizer.chat_template") as string };
    }

    private TokenizerParts ByteLevelParts()
    {
        GgufPreTokenizer pre = GgufPreTokenizer.Of(
            _keys.PlaceOf("pre"), _keys.Text("pre"), _architecture, _rules, _formerRules);
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
            throw new NotSupportedException($"{_keys.PlaceOf("model")}: found 'llama', a kind of tokenizer that has no "
                + $"pre-tokenizer; expected none to be named, found {FileText.Quote(named)}.");
        if (_pieces.Length > 0 && _keys.List<float>("scores") is null)
            throw _keys.Missing("scores");
        int[] byteIds = SentencePieceVocabulary.ByteIds(_tables, mayBeBare: true);
        bool prefix = _keys.Flag("add_space_prefix") ?? true;
        bool spaced = prefix && _tables.Added.Any(token => !token.Special);
        if (spaced && _rules.Version < 4)
        {
            spaced = false;
            _formerRules.Add($"{_keys.PlaceOf("token_type")}: no space is put in front of text behind a user-defined "
                + "token, today one is");
        }
        Dictionary<string, int> tokens = SentencePieceVocabulary.TextTokens(_pieces, _tables);
        var symbols = new CodePointSymbols(tokens, byteIds, default);
        byte[][] bytes = _tables.TextBytes(SentencePieceVocabulary.BytesOfWithFallback);
        return Finish(new TokenizerParts
        {
            Kind = SentencePieceVocabulary.BytePairKind,
            Tokens = _tables.Vocabulary.All(),
            Added = spaced ? [.. _tables.Added.Select(token => token with { BeginsText = true })] : _tables.Added,
            Normalizers = [new SpaceMarkNormalizer(prefix, collapse: false)],
            Model = new BytePairModel(symbols, SentencePieceVocabulary.Merges(_pieces, tokens),
                wholePiecesFirst: false),
            Decoder = new TokenDecoder(bytes, prefix ? SentencePieceVocabulary.WordBegins(_tables.Vocabulary) : null),
        }, begins: true);
    }

    private SentencePiece[] ReadPieces()
    {
        string[] tokens = _keys.List<string>("tokens") ?? throw _keys.Missing("tokens");
        int[]? types = _keys.List<int>("token_type");
        float[]? scores = _keys.List<float>("scores");
        CheckLength("token_type", types?.Length, tokens.Length);
        CheckLength("scores", scores?.Length, tokens.Length);
        var pieces = new SentencePiece[tokens.Length];
        for (int id = 0; id < pieces.Length; id++)
        {
            var type = (PieceType)(types?[id] ?? (int)PieceType.Normal);
            float score = scores?[id] ?? 0;
            if (tokens[id].Length == 0 || !Enum.IsDefined(type) || !float.IsFinite(score))
                throw new FormatException(
                    $"{_keys.PlaceOf("tokens")}: token {id}: expected a text, a type from 1 to 6 and a finite score, "
                    + FormattableString.Invariant($"found {FileText.Quote(tokens[id])}, {(int)type} and {score}."));
            pieces[id] = new SentencePiece(tokens[id], score, type);
        }
        return pieces;
    }

    private void CheckLength(string key, int? found, int tokens)
    {
        if (found is not null && found != tokens)
            throw new FormatException(
                $"{_keys.PlaceOf(key)}: expected one for each of {tokens} tokens, found {found}.");
    }

    private List<PairMerge> ReadMerges()
    {
        string[] lines = _keys.List<string>("merges") ?? throw _keys.Missing("merges");
        string where = _keys.PlaceOf("merges");
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
        var ids = new GgufTokenIds(_keys, _tables.Vocabulary.Count);
        int? begin = ids.Find("bos_token_id"), end = ids.Find("eos_token_id");
        foreach (string key in _keys.Names.Where(key => key.EndsWith("_token_id", StringComparison.Ordinal)))
            ids.Find(key);
        bool addsBegin = _keys.Flag("add_bos_token") ?? begins, addsEnd = _keys.Flag("add_eos_token") ?? false;
        return parts with
        {
            LeftOut = _tables.LeftOut,
            FormerRules = _formerRules,
            Prologue = addsBegin && begin is int first ? [first] : [],
            Epilogue = addsEnd && end is int last ? [last] : [],
        };
    }
}
