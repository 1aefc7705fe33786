using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>One tensor's part of a content hash.</summary>
/// <param name="Tensor">What the file says about it.</param>
/// <param name="Hash">SHA-256 of its bytes, as stored.</param>
internal sealed record TensorHash(TensorInfo Tensor, byte[] Hash);

/// <summary>
/// The identity of a checkpoint's content: SHA-256 over names, types, shapes and the SHA-256 of the bytes of all
/// tensors, in the order of their names. Files are hashed once a process.
/// </summary>
internal static class ContentHash
{
    private const int BufferBytes = 1 << 17;

    private static readonly ConcurrentDictionary<(string Path, FileStatus? Status), IReadOnlyList<TensorHash>> Known
        = new();

    /// <summary>The hash of a whole checkpoint, hexadecimal.</summary>
    public static string Combine(IEnumerable<TensorHash> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (TensorHash tensor in tensors.OrderBy(tensor => tensor.Tensor.Name, StringComparer.Ordinal))
        {
            TensorInfo info = tensor.Tensor;
            // Lengths in front: no two lists of tensors give the same bytes.
            hash.AppendData(Encoding.UTF8.GetBytes(
                $"{info.Name.Length}:{info.Name}|{info.StoredType}|{string.Join(',', info.Shape)}|"));
            hash.AppendData(tensor.Hash);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The hashes of a file's tensors, from memory where it was hashed before and did not change.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Its tensors and the places of their bytes in the file.</param>
    public static IReadOnlyList<TensorHash> OfFile(string path,
        IEnumerable<(TensorInfo Info, long Begin, long Length)> tensors)
    {
        return Known.GetOrAdd((Path.GetFullPath(path), FileStatus.Of(path)), _ =>
        {
            using SafeFileHandle handle = File.OpenHandle(path);
            // Large ones first, so that no core is left with one at the end.
            (TensorInfo Info, long Begin, long Length)[] ordered =
                [.. tensors.OrderByDescending(tensor => tensor.Length)];
            var hashes = new TensorHash[ordered.Length];
            try
            {
                Parallel.For(0, ordered.Length, i =>
                    hashes[i] = new TensorHash(ordered[i].Info, Bytes(handle, ordered[i].Begin, ordered[i].Length)));
            }
            catch (AggregateException faults) when (faults.InnerExceptions.OfType<OperationCanceledException>()
                .FirstOrDefault() is { } cancelled)
            {
                ExceptionDispatchInfo.Throw(cancelled);
            }
            return hashes;
        });
    }

    private static byte[] Bytes(SafeFileHandle handle, long begin, long length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[(int)Math.Min(BufferBytes, length)];
        for (long end = begin + length; begin < end;)
        {
            Cancelling.CheckAlive();
            int read = RandomAccess.Read(handle, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - begin)), begin);
            if (read == 0)
                throw new EndOfStreamException("The file became shorter while it was read.");
            hash.AppendData(buffer, 0, read);
            begin += read;
        }
        return hash.GetHashAndReset();
    }
}
