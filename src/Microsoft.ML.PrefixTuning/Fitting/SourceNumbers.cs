using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// Numbers sources as they first come. Rows of one input text and one attribute value have one source, whatever their
/// labels: what is learned from one of them tells much of the others. Keeps hashes, not texts.
/// </summary>
internal sealed class SourceNumbers
{
    private readonly Dictionary<UInt128, int> _numbers = [];

    /// <summary>The number of a row's source, from 0.</summary>
    public int Of(InputRow row)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using var both = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // The length, so that a text which goes on as an attribute value is another source.
        int length = row.Text.Length;
        both.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in length)));
        both.AppendData(MemoryMarshal.AsBytes(row.Text.AsSpan()));
        both.AppendData(MemoryMarshal.AsBytes((row.Attribute ?? "").AsSpan()));
        both.GetHashAndReset(hash);
        UInt128 key = MemoryMarshal.Read<UInt128>(hash);
        if (_numbers.TryGetValue(key, out int number))
            return number;
        _numbers.Add(key, _numbers.Count);
        return _numbers.Count - 1;
    }
}
