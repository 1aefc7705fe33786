using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Who does which part of some work: the largest part first, each to whoever has least to do so far. A function of the
/// sizes alone, so that all processes come to the same.
/// </summary>
internal sealed class SharedParts
{
    private readonly int[] _owners;
    private readonly int[] _slots;
    private readonly List<int>[] _ofRank;

    /// <summary>Deals the parts out.</summary>
    /// <param name="sizes">How much work each part is.</param>
    /// <param name="workers">How many share it.</param>
    public SharedParts(IReadOnlyList<long> sizes, int workers)
    {
        (_owners, _slots) = (new int[sizes.Count], new int[sizes.Count]);
        _ofRank = [.. Enumerable.Range(0, workers).Select(_ => new List<int>())];
        var loads = new long[workers];
        foreach (int part in Enumerable.Range(0, sizes.Count).OrderByDescending(part => sizes[part]))
        {
            int rank = Array.IndexOf(loads, loads.Min());
            loads[rank] += sizes[part];
            (_owners[part], _slots[part]) = (rank, _ofRank[rank].Count);
            _ofRank[rank].Add(part);
        }
        Slots = _ofRank.Max(parts => parts.Count);
    }

    /// <summary>The rank that does each part.</summary>
    public IReadOnlyList<int> Owners => _owners;

    /// <summary>The most parts that one of them does.</summary>
    public int Slots { get; }

    /// <summary>The parts of a rank, in the order of their slots.</summary>
    public IReadOnlyList<int> Of(int rank) => _ofRank[rank];

    /// <summary>The how manieth part of its owner a part is, from 0.</summary>
    public int Slot(int part) => _slots[part];
}
