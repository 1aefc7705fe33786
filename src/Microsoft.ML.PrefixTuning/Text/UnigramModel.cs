using System;
using System.Collections.Generic;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// The unigram language model (Kudo 2018): of all ways to cut a text into tokens, the one with the largest sum of
/// scores (Viterbi), as SentencePiece's <c>EncodeOptimized</c> finds it. Of the same tokens in another order the sums
/// differ by their rounding alone, which then decides.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    // What an unknown character costs below the worst token (kUnkPenalty).
    private const float UnknownPenalty = 10;

    // What a user-defined token costs.
    private const double DefinedPenalty = 0.1;

    private readonly TokenTrie _trie = new();
    private readonly Dictionary<int, double> _scores;
    private readonly double _unknownScore;
    private readonly int _unknown;
    private readonly int[]? _byteIds;
    private readonly bool _isRounded;

    /// <param name="tokens">Ids of the tokens that text may become.</param>
    /// <param name="scores">Their scores by id.</param>
    /// <param name="unknown">The unknown token.</param>
    /// <param name="byteIds">
    /// Ids of the 256 bytes that unknown characters become; null where they become the unknown token.
    /// </param>
    /// <param name="isRounded">
    /// Whether sums are kept in float32, as SentencePiece keeps them; else in float64, as the tokenizers library does.
    /// </param>
    /// <param name="defined">
    /// Ids of user-defined tokens, whose score is the best one a byte where that is above 0, else nearly 0: they are
    /// taken unless a longer token, or one that overlaps, is better.
    /// </param>
    public UnigramModel(IReadOnlyDictionary<string, int> tokens, Dictionary<int, double> scores, int unknown,
        int[]? byteIds, bool isRounded, IReadOnlyDictionary<string, int>? defined = null)
    {
        (_scores, _unknown, _byteIds, _isRounded) = (scores, unknown, byteIds, isRounded);
        double worst = float.MaxValue, best = 0;
        foreach ((string token, int id) in tokens)
        {
            _trie.Add(token, id);
            (worst, best) = (Math.Min(worst, scores[id]), Math.Max(best, scores[id]));
        }
        foreach ((string token, int id) in defined ?? new Dictionary<string, int>())
        {
            _trie.Add(token, id);
            scores.Add(id, Kept(Encoding.UTF8.GetByteCount(token) * best) - DefinedPenalty);
        }
        _unknownScore = Kept(worst - UnknownPenalty);
    }

    public override void Encode(ReadOnlySpan<char> piece, TokenSink sink)
    {
        var ends = new End[piece.Length + 1];
        Array.Fill(ends, new End(0, -1, TokenTrie.None));
        for (int start = 0; start < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[start..], out _, out int width);
            bool known = false;
            for (int i = start, node = TokenTrie.Root; i < piece.Length; i++)
            {
                node = _trie.Next(node, piece[i]);
                if (node == TokenTrie.None)
                    break;
                int id = _trie.ValueAt(node);
                if (id == TokenTrie.None)
                    continue;
                Improve(ends, start, i + 1, id, ends[start].Score + _scores[id]);
                known |= i + 1 - start == width;
            }
            if (!known)
                Improve(ends, start, start + width, _unknown, Kept(ends[start].Score + _unknownScore));
            start += width;
        }
        AddIds(piece, ends, sink);
    }

    // SentencePiece compares a sum in float64 and keeps it in float32; an unknown character's is float32 before.
    private void Improve(End[] ends, int start, int end, int id, double sum)
    {
        if (ends[end].Start < 0 || sum > ends[end].Score)
            ends[end] = new End(Kept(sum), start, id);
    }

    private double Kept(double sum) => _isRounded ? (float)sum : sum;

    private void AddIds(ReadOnlySpan<char> piece, End[] ends, TokenSink sink)
    {
        sink.ClearSymbols();
        for (int end = piece.Length; end > 0; end = ends[end].Start)
            sink.Symbols.Add(end);
        bool wasUnknown = false;
        for (int i = sink.Symbols.Count - 1; i >= 0; i--)
        {
            int end = sink.Symbols[i];
            int begin = ends[end].Start;
            bool isUnknown = ends[end].Id == _unknown;
            if (isUnknown)
                AddUnknown(piece[begin..end], begin, wasUnknown, sink);
            else
                sink.Add(ends[end].Id, begin, end);
            wasUnknown = isUnknown;
        }
    }

    // A run of unknown characters is one unknown token.
    private void AddUnknown(ReadOnlySpan<char> character, int begin, bool again, TokenSink sink)
    {
        Span<byte> bytes = stackalloc byte[4];
        int count = Encoding.UTF8.GetBytes(character, bytes);
        if (_byteIds is not null && HasAll(bytes[..count]))
        {
            foreach (byte value in bytes[..count])
                sink.Add(_byteIds[value], begin, begin + character.Length);
            return;
        }
        sink.LostBytes += count;
        if (!again)
            sink.Add(_unknown, begin, begin + character.Length);
        else if (sink.Spans is { } spans)
            spans[^1] = (spans[^1].Begin, begin + character.Length);
    }

    private bool HasAll(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (_byteIds![value] == SentencePieceVocabulary.NoId)
                return false;
        }
        return true;
    }

    // The best way to reach a place in the text: its score, where its last token begins, and that token.
    private readonly record struct End(double Score, int Start, int Id);
}
