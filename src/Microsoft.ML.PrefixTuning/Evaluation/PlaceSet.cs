using System;
using System.Collections;
using System.Collections.Generic;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>A set of places in a text, kept as those blocks of 64 neighbouring places that hold any.</summary>
/// <remarks>
/// A word that comes n times in a text of m words takes at most n and at most m / 64 blocks, so that work which goes
/// block by block stays small for rare words and for words that fill the whole text.
/// </remarks>
internal sealed class PlaceSet
{
    private readonly List<PlaceBlock> _blocks = [];

    /// <summary>The blocks that hold any place, in ascending order.</summary>
    public IReadOnlyList<PlaceBlock> Blocks => _blocks;

    /// <summary>The same, for those who go over them often: valid until a place is added.</summary>
    public ReadOnlySpan<PlaceBlock> BlockSpan => CollectionsMarshal.AsSpan(_blocks);

    /// <summary>Adds a place.</summary>
    /// <param name="place">From 0; not before the last block.</param>
    public void Add(int place)
    {
        int index = place / PlaceBlock.Size;
        ulong bit = 1UL << (place % PlaceBlock.Size);
        if (_blocks.Count > 0 && _blocks[^1].Index == index)
            _blocks[^1] = new PlaceBlock(index, _blocks[^1].Bits | bit);
        else
            _blocks.Add(new PlaceBlock(index, bit));
    }

    /// <summary>The places of equal tokens together.</summary>
    /// <param name="tokens">A text's tokens, by number.</param>
    public static Dictionary<int, PlaceSet> OfTokens(int[] tokens)
    {
        var places = new Dictionary<int, PlaceSet>();
        for (int i = 0; i < tokens.Length; i++)
        {
            if (!places.TryGetValue(tokens[i], out PlaceSet? set))
                places.Add(tokens[i], set = new PlaceSet());
            set.Add(i);
        }
        return places;
    }
}

/// <summary>Some of 64 neighbouring places in a text.</summary>
/// <param name="Index">Which block of the text it is, from 0.</param>
/// <param name="Bits">Which places it holds, the first in the lowest bit.</param>
internal readonly record struct PlaceBlock(int Index, ulong Bits) : IEnumerable<int>
{
    /// <summary>Places in a block.</summary>
    public const int Size = 64;

    private int Start => Index * Size;

    /// <summary>The first place; there must be one.</summary>
    public int First => Start + BitOperations.TrailingZeroCount(Bits);

    /// <summary>The places but for the first.</summary>
    public PlaceBlock WithoutFirst() => this with { Bits = Bits & (Bits - 1) };

    /// <summary>Whether a place, or -1 for none, is held.</summary>
    public bool Contains(int place) => place >= Start && place < Start + Size && (Bits >> (place - Start) & 1) != 0;

    /// <summary>How far all places together are from one place.</summary>
    public long DistanceTo(int place)
    {
        // All blocks of a text but one lie on one side of a place.
        if (place <= Start)
            return Sum(Bits) - place * (long)BitOperations.PopCount(Bits);
        if (place >= Start + Size)
            return place * (long)BitOperations.PopCount(Bits) - Sum(Bits);
        ulong before = Bits & ((1UL << (place - Start)) - 1), behind = Bits & ~before;
        return place * (long)BitOperations.PopCount(before) - Sum(before)
            + Sum(behind) - place * (long)BitOperations.PopCount(behind);
    }

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator()
    {
        for (PlaceBlock left = this; left.Bits != 0; left = left.WithoutFirst())
            yield return left.First;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // The sum of places, from how many of them have each binary digit.
    private long Sum(ulong bits) => (long)Start * BitOperations.PopCount(bits)
        + BitOperations.PopCount(bits & 0xAAAAAAAAAAAAAAAA)
        + (BitOperations.PopCount(bits & 0xCCCCCCCCCCCCCCCC) << 1)
        + (BitOperations.PopCount(bits & 0xF0F0F0F0F0F0F0F0) << 2)
        + (BitOperations.PopCount(bits & 0xFF00FF00FF00FF00) << 3)
        + (BitOperations.PopCount(bits & 0xFFFF0000FFFF0000) << 4)
        + (BitOperations.PopCount(bits & 0xFFFFFFFF00000000) << 5);
}
