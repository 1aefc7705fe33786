using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// Reads SentencePiece's own files: <c>tokenizer.model</c>, the name that Llama's checkpoints use, and
/// <c>spiece.model</c>, T5's.
/// </summary>
internal static class SentencePieceTokenizer
{
    /// <summary>The file of Llama's layout, whose texts begin with the begin token.</summary>
    public const string LlamaFile = "tokenizer.model";

    /// <summary>The file of T5's layout, whose texts end with the end token.</summary>
    public const string T5File = "spiece.model";

    private const int DefaultExtraIds = 100;

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">
    /// It is no such file, or contradicts itself, the settings or the embedding.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// The model is neither BPE nor Unigram, spaces are treated in another way, or the class has other ids.
    /// </exception>
    public static TokenizerParts Read(string path, TokenizerSettings settings, int vocabularySize)
    {
        string name = System.IO.Path.GetFileName(path);
        if (name == T5File)
            CheckClass(settings, settings.ClassName ?? TokenizerClass.OfModel(System.IO.Path.GetDirectoryName(path)!));
        SentencePieceFile file = SentencePieceFile.Read(path);
        CheckKind(file, name);
        DefinedPieces defined = Defined(file, name, settings);
        TokenTables tables = SentencePieceVocabulary.Tables(file.Pieces, name, vocabularySize, defined);
        if (name == T5File)
            AddExtraIds(tables, settings, vocabularySize);
        tables.Complete(settings);

        int[]? byteIds = file.ByteFallback ? SentencePieceVocabulary.ByteIds(tables) : null;
        byte[][] bytes = tables.TextBytes(
            byteIds is null ? SentencePieceVocabulary.BytesOf : SentencePieceVocabulary.BytesOfWithFallback);
        bool spaceless = file.AddsPrefix && settings.DropsPrefixSpace();
        bytes[file.UnknownId] = Encoding.UTF8.GetBytes(file.UnknownSurface);
        (IReadOnlyList<int> prologue, IReadOnlyList<int> epilogue) = settings.Ends(
            tables.Vocabulary, name == LlamaFile ? IdOf(file.BeginId, tables) : [], name == T5File
                ? IdOf(file.EndId, tables) : []);
        return new TokenizerParts
        {
            Kind = file.ModelType == SentencePieceFile.BytePair
                ? SentencePieceVocabulary.BytePairKind : SentencePieceVocabulary.UnigramKind,
            Tokens = tables.Vocabulary.All(),
            Added = tables.Added,
            LeftOut = tables.LeftOut,
            FormerRules = settings.FormerRules,
            Normalizers = Normalizers(file, name, file.AddsPrefix && !spaceless, defined),
            Model = Model(file, tables, byteIds, defined),
            Decoder = new TokenDecoder(
                bytes, !spaceless && (file.AddsPrefix || file.CollapsesSpaces)
                    ? SentencePieceVocabulary.WordBegins(tables.Vocabulary) : null),
            Prologue = prologue,
            Epilogue = epilogue,
        };
    }

    // Others have files of T5's name: Pegasus counts the vocabulary's tokens from 103 on, ALBERT and XLNet put other
    // tokens around a text.
    private static void CheckClass(TokenizerSettings settings, string? name)
    {
        if (name is not (null or "T5Tokenizer" or "MT5Tokenizer") && !settings.IsFormer(3,
            $"{T5File}: is read as T5Tokenizer's, today a tokenizer of the class {FileText.Quote(name)} is refused"))
            throw new NotSupportedException($"{T5File}: a tokenizer of the class {FileText.Quote(name)} "
                + "(tokenizer_config.json, else config.json): without tokenizer.json supported is T5Tokenizer.");
    }

    private static void CheckKind(SentencePieceFile file, string name)
    {
        if (file.ModelType is not (SentencePieceFile.BytePair or SentencePieceFile.Unigram))
            throw new NotSupportedException(
                $"{name}: 'trainer_spec.model_type': found {file.ModelType}, supported are 1 (Unigram) and 2 (BPE).");
        if (file.SpaceBehind || !file.EscapesSpaces)
            throw new NotSupportedException(
                $"{name}: spaces: supported are spaces in front of words, written as '{SpaceMarkNormalizer.Mark}'.");
        if (file.UnknownId < 0 || file.UnknownId >= file.Pieces.Count
            || file.Pieces[file.UnknownId].Type != PieceType.Unknown)
            throw new FormatException(
                $"{name}: 'trainer_spec.unk_id': expected the unknown token of {file.Pieces.Count}, found"
                    + $" {file.UnknownId}.");
        if (!file.Pieces.Any(piece => piece.Type == PieceType.Normal))
            throw new FormatException($"{name}: expected a vocabulary, found no token that is text.");
    }

    // Merges never go through them; the unigram model gives them a score that others hardly reach.
    private static DefinedPieces Defined(SentencePieceFile file, string name, TokenizerSettings settings)
    {
        string[] pieces = [.. file.Pieces.Where(IsDefined).Select(piece => piece.Text)];
        if (pieces.Length > 0)
        {
            string? spaces = pieces.FirstOrDefault(piece => piece.Contains(SpaceMarkNormalizer.Mark));
            if (settings.IsFormer(4, spaces is null
                ? $"{name}: user-defined pieces are found before the text is normalized, today behind it"
                : $"{name}: piece {FileText.Quote(spaces)}: user-defined pieces with spaces are not found, today they "
                    + "are"))
                return DefinedPieces.InWrittenText;
        }
        return file.ModelType == SentencePieceFile.Unigram ? DefinedPieces.ByTheModel : DefinedPieces.InNormalizedText;
    }

    private static bool IsDefined(SentencePiece piece) => piece.Type == PieceType.UserDefined;

    private static Normalizer[] Normalizers(SentencePieceFile file, string name, bool prefix, DefinedPieces defined)
    {
        var spaces = new SpaceMarkNormalizer(prefix, file.CollapsesSpaces);
        if (file.CharacterMap.Length == 0)
            return [spaces];
        var map = new CharacterMapNormalizer(file.CharacterMap, $"{name}: 'normalizer_spec.precompiled_charsmap'")
        {
            Kept = defined == DefinedPieces.InWrittenText ? null : Kept(file),
        };
        return [map, spaces];
    }

    // User-defined pieces, which the table leaves as they are.
    private static TokenTrie? Kept(SentencePieceFile file)
    {
        TokenTrie? kept = null;
        foreach (SentencePiece piece in file.Pieces.Where(IsDefined))
            (kept ??= new TokenTrie()).Add(piece.Text, 0);
        return kept;
    }

    private static TokenModel Model(SentencePieceFile file, TokenTables tables, int[]? byteIds, DefinedPieces defined)
    {
        Dictionary<string, int> tokens = SentencePieceVocabulary.TextTokens(file.Pieces, tables);
        if (file.ModelType == SentencePieceFile.Unigram)
        {
            return new UnigramModel(tokens, tokens.Values.ToDictionary(id => id, id => (double)file.Pieces[id].Score),
                file.UnknownId, byteIds, isRounded: true, defined != DefinedPieces.ByTheModel ? null
                    : SentencePieceVocabulary.TextTokens(file.Pieces, tables, PieceType.UserDefined));
        }
        var symbols = new CodePointSymbols(tokens, byteIds, new UnknownToken(file.UnknownId, Fused: true));
        return new BytePairModel(symbols, SentencePieceVocabulary.Merges(file.Pieces, tokens), wholePiecesFirst: false);
    }

    // T5's sentinel tokens lie above the vocabulary, counted downwards.
    private static void AddExtraIds(TokenTables tables, TokenizerSettings settings, int vocabularySize)
    {
        if (tables.Vocabulary.IdOf("<extra_id_0>") is not null)
            return;
        int first = tables.Vocabulary.Count;
        int count = settings.ExtraIds ?? (vocabularySize - first >= DefaultExtraIds ? DefaultExtraIds : 0);
        for (int i = 0; i < count; i++)
        {
            var token = new AddedToken($"<extra_id_{i}>", first + count - 1 - i, Special: true);
            tables.AddListed((token.Content, token.Id, "tokenizer_config.json: 'extra_ids'"), () => token);
        }
    }

    private static int[] IdOf(int id, TokenTables tables) => id >= 0 && id < tables.Vocabulary.Count ? [id] : [];
}
