using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// What SentencePiece's vocabularies have in common, whichever file they come from: <c>▁</c> for a space, and tokens
/// for single bytes.
/// </summary>
internal static class SentencePieceVocabulary
{
    /// <summary>The kind of a vocabulary with merges, for people.</summary>
    public const string BytePairKind = "SentencePiece BPE";

    /// <summary>The kind of a vocabulary with scores, for people.</summary>
    public const string UnigramKind = "SentencePiece Unigram";

    /// <summary>The id of a byte that has no token.</summary>
    public const int NoId = -1;

    private const int ByteCount = 256;
    private const string ByteTokenHead = "<0x";
    private const int ByteTokenLength = 6;

    /// <summary>The tokens of a list of pieces.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="file">File for messages.</param>
    /// <param name="vocabularySize">Rows of the model's embedding.</param>
    /// <param name="defined">Where user-defined pieces are found.</param>
    /// <exception cref="FormatException">A piece stands twice or lies outside the embedding.</exception>
    public static TokenTables Tables(IReadOnlyList<SentencePiece> pieces, string file, int vocabularySize,
        DefinedPieces defined = DefinedPieces.InWrittenText)
    {
        var tables = new TokenTables(file, vocabularySize, pieces.Count);
        for (int id = 0; id < pieces.Count; id++)
        {
            (string text, _, PieceType type) = pieces[id];
            bool mayBeLeftOut = type is PieceType.Control or PieceType.UserDefined or PieceType.Unused;
            if (mayBeLeftOut && tables.Vocabulary.HasNoRow(id))
            {
                tables.LeaveOut(text, id);
                continue;
            }
            tables.Vocabulary.Add(text, id);
            if (type is PieceType.Control or PieceType.Unknown)
                tables.Add(new AddedToken(text, id, Special: true));
            else if (type == PieceType.UserDefined && defined != DefinedPieces.ByTheModel)
                tables.Add(new AddedToken(text, id, Special: false)
                {
                    Pattern = defined == DefinedPieces.InNormalizedText ? text : null,
                });
            else if (type == PieceType.Unused)
                tables.ExcludeFromText(id);
        }
        return tables;
    }

    /// <summary>The tokens that text may become: the pieces that are text, or of another type.</summary>
    public static Dictionary<string, int> TextTokens(
        IReadOnlyList<SentencePiece> pieces, TokenTables tables, PieceType type = PieceType.Normal) =>
        tables.TextTokens().Where(token => token.Value < pieces.Count && pieces[token.Value].Type == type)
            .ToDictionary(StringComparer.Ordinal);

    /// <summary>
    /// SentencePiece's BPE as merges: two neighbours join if they are a token together, the token of the largest score
    /// first.
    /// </summary>
    public static List<PairMerge> Merges(IReadOnlyList<SentencePiece> pieces, Dictionary<string, int> tokens)
    {
        float[] scores = tokens.Values.Select(id => pieces[id].Score).Distinct().OrderDescending().ToArray();
        Dictionary<float, int> ranks = scores.Select((score, rank) => (score, rank))
            .ToDictionary(item => item.score, item => item.rank);
        var lookup = tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<PairMerge>();
        foreach ((string token, int id) in tokens)
        {
            for (int cut = 1; cut < token.Length; cut++)
            {
                if (lookup.TryGetValue(token.AsSpan(0, cut), out int left)
                    && lookup.TryGetValue(token.AsSpan(cut), out int right))
                    merges.Add(new PairMerge(left, right, id, ranks[pieces[id].Score]));
            }
        }
        return merges;
    }

    /// <summary>The ids of the tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    /// <param name="tables">The vocabulary.</param>
    /// <param name="mayLack">
    /// Whether a byte may have none, as in the tokenizer.json of Gemma 1 and 2, where the tab stands in place of its
    /// byte. A character that needs such a byte is unknown.
    /// </param>
    /// <param name="mayBeBare">
    /// Whether a byte's own character may stand for it where the byte has no token, as llama.cpp takes it.
    /// </param>
    /// <exception cref="FormatException">One is missing.</exception>
    public static int[] ByteIds(TokenTables tables, bool mayLack = false, bool mayBeBare = false)
    {
        var ids = new int[ByteCount];
        for (int value = 0; value < ids.Length; value++)
        {
            string token = string.Create(CultureInfo.InvariantCulture, $"{ByteTokenHead}{value:X2}>");
            ids[value] = tables.Vocabulary.IdOf(token) ?? (mayBeBare ? BareId(tables, value) : null) ?? (mayLack ? NoId
                : throw new FormatException(
                    $"{tables.File}: expected a token for each byte, {FileText.Quote(token)} is missing."));
        }
        return ids;
    }

    // Bytes beyond ASCII are no characters by themselves.
    private static int? BareId(TokenTables tables, int value) => char.IsAscii((char)value)
        && tables.Vocabulary.IdOf(((char)value).ToString()) is int id && tables.IsText(id) ? id : null;

    /// <summary>Ids of the tokens that begin with a space.</summary>
    public static HashSet<int> WordBegins(Vocabulary vocabulary) =>
        [.. Enumerable.Range(0, vocabulary.Count)
            .Where(id => vocabulary.TokenOf(id)?.StartsWith(SpaceMarkNormalizer.Mark) == true)];

    /// <summary>The bytes of text that a token stands for.</summary>
    public static byte[] BytesOf(string token) => Encoding.UTF8.GetBytes(token.Replace(SpaceMarkNormalizer.Mark, ' '));

    /// <summary>The bytes of text that a token stands for where there are tokens for single bytes.</summary>
    public static byte[] BytesOfWithFallback(string token) =>
        token.Length == ByteTokenLength && token.StartsWith(ByteTokenHead, StringComparison.Ordinal) && token[^1] == '>'
        && byte.TryParse(
            token.AsSpan(ByteTokenHead.Length, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out byte value)
            ? [value] : BytesOf(token);
}

/// <summary>Where the pieces that a vocabulary's maker defined are found.</summary>
internal enum DefinedPieces
{
    /// <summary>In the text as it is written, before anything else.</summary>
    InWrittenText,

    /// <summary>In the normalized text, before merges.</summary>
    InNormalizedText,

    /// <summary>By the model, among all others.</summary>
    ByTheModel,
}
