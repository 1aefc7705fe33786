using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>The hash over all tensors of a GGUF file, computed once a file and process.</summary>
internal static class GgufContentHash
{
    private static readonly ConcurrentDictionary<(string Path, long Length, DateTime Time), string> Known = [];

    /// <summary>
    /// SHA-256 over the tensors in the order of their names, hexadecimal; of each tensor name, type, shape and the SHA-256 of
    /// its stored bytes.
    /// </summary>
    public static string Of(string path, GgufMapping mapping, IEnumerable<GgufTensor> tensors) =>
        Known.GetOrAdd((path, mapping.Length, File.GetLastWriteTimeUtc(path)), _ => Compute(mapping, tensors));

    private static unsafe string Compute(GgufMapping mapping, IEnumerable<GgufTensor> tensors)
    {
        GgufTensor[] ordered = tensors.OrderBy(tensor => tensor.Info.Name, StringComparer.Ordinal).ToArray();
        var contents = new byte[ordered.Length][];
        using GgufMapping.Held held = mapping.Hold();
        byte* start = held.Start;
        Parallel.For(0, ordered.Length, i => contents[i] = HashBytes(start + ordered[i].Start, ordered[i].Bytes));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int i = 0; i < ordered.Length; i++)
        {
            TensorInfo info = ordered[i].Info;
            hash.AppendData(Encoding.UTF8.GetBytes($"{info.Name}\0{info.StoredType}\0{string.Join(',', info.Shape)}\0"));
            hash.AppendData(contents[i]);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static unsafe byte[] HashBytes(byte* start, long length)
    {
        const int Part = 1 << 30;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long done = 0; done < length; done += Part)
            hash.AppendData(new ReadOnlySpan<byte>(start + done, (int)Math.Min(Part, length - done)));
        return hash.GetHashAndReset();
    }
}
