using System;
using System.Buffers;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016): of all neighbours that a merge joins, the pair of the lowest rank is
/// joined first, the leftmost among equals. A queue of candidates keeps a piece of n symbols at n log n.
/// </summary>
/// <remarks>
/// One implementation serves byte-level and SentencePiece vocabularies. <c>BpeTokenizer</c> of Microsoft.ML.Tokenizers
/// knows neither <c>ignore_merges</c> nor bytes without a token, and takes its pre-tokenizer's pattern on UTF-16 units:
/// the ids would differ from the reference's.
/// </remarks>
internal sealed class BytePairModel : TokenModel
{
    private const int Gone = -1;

    private readonly SymbolTable _symbols;
    private readonly Dictionary<long, (int Rank, int Merged)> _merges;
    private readonly bool _wholePiecesFirst;

    /// <param name="symbols">What a piece starts as.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="wholePiecesFirst">
    /// Whether a piece that is a token is taken as it stands (<c>ignore_merges</c>).
    /// </param>
    public BytePairModel(SymbolTable symbols, IReadOnlyCollection<PairMerge> merges, bool wholePiecesFirst)
    {
        _symbols = symbols;
        _wholePiecesFirst = wholePiecesFirst;
        _merges = new(merges.Count);
        foreach (PairMerge merge in merges)
            _merges[Pair(merge.Left, merge.Right)] = (merge.Rank, merge.Merged);
    }

    public override void Encode(ReadOnlySpan<char> piece, TokenSink sink)
    {
        if (_wholePiecesFirst && _symbols.TryWhole(piece, out int whole))
        {
            sink.Add(whole, 0, piece.Length);
            return;
        }
        sink.ClearSymbols();
        _symbols.Read(piece, sink);
        if (sink.Symbols.Count == 1)
            sink.AddMerged(sink.Symbols[0], 0, 1);
        else
            Merge(sink);
    }

    private void Merge(TokenSink sink)
    {
        int count = sink.Symbols.Count;
        int[] rented = ArrayPool<int>.Shared.Rent(3 * count);
        var chain = new Chain(rented.AsSpan(0, count), rented.AsSpan(count, count), rented.AsSpan(2 * count, count));
        for (int i = 0; i < count; i++)
            (chain.Ids[i], chain.Next[i], chain.Previous[i]) = (sink.Symbols[i], i + 1, i - 1);
        for (int i = 0; i < count - 1; i++)
            Offer(chain, i, sink);

        while (sink.Candidates.TryDequeue(out (int Left, int Merged) candidate, out _))
        {
            // The pair may have changed since it was offered.
            int left = candidate.Left;
            if (!TryFind(chain, left, out (int Rank, int Merged) merge) || merge.Merged != candidate.Merged)
                continue;
            int right = chain.Next[left], next = chain.Next[right];
            (chain.Ids[left], chain.Ids[right], chain.Next[left]) = (merge.Merged, Gone, next);
            if (next < count)
                chain.Previous[next] = left;
            if (chain.Previous[left] >= 0)
                Offer(chain, chain.Previous[left], sink);
            Offer(chain, left, sink);
        }

        for (int i = 0; i < count; i = chain.Next[i])
            sink.AddMerged(chain.Ids[i], i, chain.Next[i]);
        ArrayPool<int>.Shared.Return(rented);
    }

    private void Offer(Chain chain, int left, TokenSink sink)
    {
        if (TryFind(chain, left, out (int Rank, int Merged) merge))
            sink.Candidates.Enqueue((left, merge.Merged), Pair(merge.Rank, left));
    }

    private bool TryFind(Chain chain, int left, out (int Rank, int Merged) merge)
    {
        merge = default;
        return chain.Ids[left] != Gone && chain.Next[left] < chain.Ids.Length
            && _merges.TryGetValue(Pair(chain.Ids[left], chain.Ids[chain.Next[left]]), out merge);
    }

    private static long Pair(int high, int low) => (long)high << 32 | (uint)low;

    // The symbols of a piece as a linked list over its positions.
    private readonly ref struct Chain(Span<int> ids, Span<int> next, Span<int> previous)
    {
        public readonly Span<int> Ids = ids;
        public readonly Span<int> Next = next;
        public readonly Span<int> Previous = previous;
    }
}

/// <summary>Two tokens that join.</summary>
/// <param name="Left">Id of the first.</param>
/// <param name="Right">Id of the second.</param>
/// <param name="Merged">Id of both together.</param>
/// <param name="Rank">Its place among the merges: lower goes first.</param>
internal readonly record struct PairMerge(int Left, int Right, int Merged, int Rank);
