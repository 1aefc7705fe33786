using System;
using System.IO;
using System.IO.Compression;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>A stream in the archive of a saved model. Its size is checked before a byte of it is unpacked.</summary>
/// <param name="entry">The archive's entry.</param>
/// <param name="place">What it is, for messages.</param>
internal sealed class ArchiveStream(ZipArchiveEntry entry, string place)
{
    private const int BufferBytes = 1 << 18;

    // Numbers of a model hardly shrink and its texts to a tenth: what grows more than this was made to fill a disk.
    private const long MostGrowth = 100;
    private const long SmallBytes = 16L << 20;

    /// <summary>What it is, for messages.</summary>
    public string Place => place;

    /// <summary>Unpacks it into memory.</summary>
    /// <param name="most">Bytes that it may have.</param>
    /// <exception cref="FormatException">It is longer, or not as long as the archive says, or broken.</exception>
    public byte[] ReadBytes(long most)
    {
        Check(entry.Length <= most, $"at most {most} bytes", $"{entry.Length}");
        CheckGrowth();
        var content = new byte[entry.Length];
        int read = 0;
        Unpack(entry.Length, piece =>
        {
            piece.CopyTo(content.AsSpan(read));
            read += piece.Length;
        });
        return content;
    }

    /// <summary>Unpacks it piece by piece.</summary>
    /// <param name="bytes">Bytes that it must have.</param>
    /// <param name="take">Takes the pieces.</param>
    /// <exception cref="FormatException">It is not as long as that, or broken.</exception>
    public void Read(long bytes, Action<ReadOnlySpan<byte>> take)
    {
        Check(entry.Length == bytes, $"{bytes} bytes", $"{entry.Length}");
        CheckGrowth();
        Unpack(bytes, take);
    }

    private void Unpack(long bytes, Action<ReadOnlySpan<byte>> take)
    {
        var buffer = new byte[(int)Math.Min(bytes + 1, BufferBytes)];
        long found = 0;
        try
        {
            using Stream stream = entry.Open();
            // Counted all the same: what an archive declares need not be what it holds.
            for (int read; found <= bytes && (read = stream.Read(buffer)) > 0; found += read)
                take(buffer.AsSpan(0, (int)Math.Min(read, bytes - found)));
        }
        catch (InvalidDataException fault)
        {
            throw new FormatException($"{place}: {fault.Message}", fault);
        }
        Check(found == bytes, $"{bytes} bytes, as the archive says", found > bytes ? "more" : $"{found}");
    }

    private void CheckGrowth() => Check(
        entry.Length <= SmallBytes || entry.Length / MostGrowth <= entry.CompressedLength,
        $"at most {MostGrowth} times the {entry.CompressedLength} bytes that it takes in the archive",
        $"{entry.Length} bytes");

    private void Check(bool good, string expected, string found)
    {
        if (!good)
            throw new FormatException($"{place}: expected {expected}, found {found}.");
    }
}
