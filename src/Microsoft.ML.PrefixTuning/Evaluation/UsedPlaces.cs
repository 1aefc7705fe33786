using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Places of a text that are taken. It never changes; one with a place more shares all but the part that it is in, so
/// that a choice costs a long text no copy of all of its places.
/// </summary>
internal sealed class UsedPlaces
{
    // Blocks of a part.
    private const int PartSize = 32;

    private readonly ulong[][] _parts;

    private UsedPlaces(ulong[][] parts) => _parts = parts;

    /// <summary>No place of a text.</summary>
    /// <param name="length">Places that it has.</param>
    public static UsedPlaces None(int length)
    {
        var parts = new List<ulong[]>();
        for (int left = length / PlaceBlock.Size + 1; left > 0; left -= PartSize)
            parts.Add(new ulong[Math.Min(left, PartSize)]);
        return new UsedPlaces([.. parts]);
    }

    /// <summary>Whether a place is taken.</summary>
    public bool Contains(int place) => (BitsOf(place / PlaceBlock.Size) >> (place % PlaceBlock.Size) & 1) != 0;

    /// <summary>The places of a block that are not taken.</summary>
    public PlaceBlock Without(PlaceBlock block) => block with { Bits = block.Bits & ~BitsOf(block.Index) };

    /// <summary>These and one more.</summary>
    public UsedPlaces With(int place)
    {
        (int part, int block) = (place / PlaceBlock.Size / PartSize, place / PlaceBlock.Size % PartSize);
        ulong[][] parts = [.. _parts];
        parts[part] = [.. _parts[part]];
        parts[part][block] |= 1UL << (place % PlaceBlock.Size);
        return new UsedPlaces(parts);
    }

    private ulong BitsOf(int block) => _parts[block / PartSize][block % PartSize];
}
