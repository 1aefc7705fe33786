using System;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A place in the header of a GGUF file. Every count and length is compared with the bytes left before it is used, so
/// that no number in a file leads beyond it or to an allocation larger than it.
/// </summary>
/// <param name="start">First byte of the file, held by the caller.</param>
/// <param name="length">Length of the file in bytes.</param>
/// <param name="file">Name of the file, for messages.</param>
/// <param name="position">Byte to begin at.</param>
internal sealed unsafe class GgufCursor(byte* start, long length, string file, long position = 0)
{
    /// <summary>The next byte, counted from the start of the file.</summary>
    public long Position { get; private set; } = position;

    /// <summary>A number, little-endian.</summary>
    /// <param name="what">What is read, for messages: <c>key 'llama.block_count'</c>.</param>
    public T Number<T>(string what)
        where T : unmanaged => MemoryMarshal.Read<T>(Bytes(1, sizeof(T), what));

    /// <summary>A count of things that take at least <paramref name="least"/> bytes each.</summary>
    public int Count(int least, int most, string what)
    {
        ulong count = Number<ulong>(what);
        if (count > (ulong)((length - Position) / least))
            throw Fault(what, $"a number that fits the {length - Position} bytes left", $"{count}");
        return count <= (ulong)most ? (int)count : throw Fault(what, $"at most {most}", $"{count}");
    }

    /// <summary>The bytes of so many elements of one size.</summary>
    public ReadOnlySpan<byte> Bytes(ulong count, int size, string what)
    {
        long left = length - Position;
        if (count > (ulong)(left / size))
            throw Fault(what, $"{count} elements of {size} bytes",
                $"the end of the file after {left} bytes (truncated, or a wrong length)");
        if (count * (ulong)size > int.MaxValue)
            throw Fault(what, $"a length of at most {int.MaxValue} bytes", $"{count} elements of {size} bytes");
        var bytes = new ReadOnlySpan<byte>(start + Position, (int)count * size);
        Position += bytes.Length;
        return bytes;
    }

    /// <summary>The bytes of a text with its length in front; valid UTF-8.</summary>
    public ReadOnlySpan<byte> TextBytes(string what)
    {
        ReadOnlySpan<byte> bytes = Bytes(Number<ulong>(what), 1, what);
        return Utf8.IsValid(bytes) ? bytes : throw Fault(what, "a text in UTF-8", "bytes that are none");
    }

    /// <summary>A text with its length in front.</summary>
    public string Text(string what) => Encoding.UTF8.GetString(TextBytes(what));

    /// <summary>The error for something at this place.</summary>
    public FormatException Fault(string what, string expected, string found) =>
        new($"{file}: {what}: expected {expected}, found {found} (before byte {Position}).");
}
