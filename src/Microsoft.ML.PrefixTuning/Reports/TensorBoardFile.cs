using System;
using System.Buffers.Binary;
using System.IO;
using System.Numerics;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>
/// A file of TensorBoard's events: records of TensorFlow (length, masked CRC-32C of it, content, masked CRC-32C of
/// that), each a protocol buffer <c>Event</c> with a scalar.
/// </summary>
internal sealed class TensorBoardFile
{
    // Number and wire type of a field: Event.wall_time, .step, .file_version, .summary; Summary.value; Value.tag,
    // .simple_value.
    private const byte WallTime = 1 << 3 | 1, Step = 2 << 3, FileVersion = 3 << 3 | 2, Summary = 5 << 3 | 2,
        Value = 1 << 3 | 2, Tag = 1 << 3 | 2, SimpleValue = 2 << 3 | 5;

    private readonly MemoryStream _file = new();

    /// <summary>The first event, which says what the file is.</summary>
    /// <param name="time">Seconds since 1970.</param>
    public void Begin(double time)
    {
        using MemoryStream message = Event(time);
        Write(message, FileVersion, Encoding.UTF8.GetBytes("brain.Event:2"));
        Append(message.ToArray());
    }

    /// <summary>A value.</summary>
    /// <param name="time">Seconds since 1970.</param>
    /// <param name="step">The step that it belongs to.</param>
    /// <param name="name">Its curve.</param>
    /// <param name="number">The value.</param>
    public void Add(double time, int step, string name, double number)
    {
        using var value = new MemoryStream();
        Write(value, Tag, Encoding.UTF8.GetBytes(name));
        value.WriteByte(SimpleValue);
        Span<byte> single = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(single, (float)number);
        value.Write(single);
        using var summary = new MemoryStream();
        Write(summary, Value, value.ToArray());
        using MemoryStream message = Event(time);
        message.WriteByte(Step);
        WriteNumber(message, (uint)step);
        Write(message, Summary, summary.ToArray());
        Append(message.ToArray());
    }

    /// <summary>All of it.</summary>
    public byte[] ToBytes() => _file.ToArray();

    private static MemoryStream Event(double time)
    {
        var message = new MemoryStream();
        message.WriteByte(WallTime);
        Span<byte> seconds = stackalloc byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(seconds, time);
        message.Write(seconds);
        return message;
    }

    private static void Write(MemoryStream message, byte field, byte[] content)
    {
        message.WriteByte(field);
        WriteNumber(message, (uint)content.Length);
        message.Write(content);
    }

    private static void WriteNumber(MemoryStream message, uint number)
    {
        for (; number >= 0x80; number >>= 7)
            message.WriteByte((byte)(number | 0x80));
        message.WriteByte((byte)number);
    }

    private void Append(byte[] content)
    {
        Span<byte> length = stackalloc byte[8], check = stackalloc byte[4];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(check, Masked(length));
        _file.Write(length);
        _file.Write(check);
        _file.Write(content);
        BinaryPrimitives.WriteUInt32LittleEndian(check, Masked(content));
        _file.Write(check);
    }

    // TensorFlow's: so that a checksum of data that holds checksums is still one.
    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
            crc = BitOperations.Crc32C(crc, one);
        crc = ~crc;
        return unchecked(BitOperations.RotateRight(crc, 15) + 0xa282ead8);
    }
}
