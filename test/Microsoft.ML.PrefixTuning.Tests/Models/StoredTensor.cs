using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Rows that lie in a wide tensor, and what they were asked for.</summary>
/// <param name="wide">[rows, columns], float32; the caller's.</param>
internal sealed class StoredTensor(Tensor wide) : IStoredRows
{
    /// <summary>Numbers that each call wrote.</summary>
    public List<long> Written { get; } = [];

    /// <summary>What a call throws; null for nothing.</summary>
    public Exception? Fault { get; set; }

    public long Rows => wide.size(0);

    public long Columns => wide.size(1);

    public void Widen(Func<int, int> rowOf, Tensor target)
    {
        if (Fault is not null)
            throw Fault;
        Written.Add(target.numel());
        long[] rows = [.. Enumerable.Range(0, (int)target.size(0)).Select(row => (long)rowOf(row))];
        using Tensor ids = tensor(rows), chosen = wide.index_select(0, ids);
        target.copy_(chosen);
    }
}
