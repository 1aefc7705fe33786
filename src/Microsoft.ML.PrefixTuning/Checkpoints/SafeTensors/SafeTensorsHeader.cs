using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Info">Name, type and shape.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Begin">First byte, counted from the begin of the data.</param>
/// <param name="End">Byte behind the last.</param>
internal sealed record SafeTensorsEntry(TensorInfo Info, SafeTensorsType Type, long Begin, long End);

/// <summary>
/// The header of a safetensors file, checked against the whole of the format (huggingface/safetensors, README
/// "Format"): whoever has one reads tensors without a further check.
/// </summary>
/// <param name="DataBegin">First byte of the data in the file.</param>
/// <param name="Entries">Every tensor by name.</param>
/// <param name="Metadata">The <c>__metadata__</c> texts.</param>
internal sealed record SafeTensorsHeader(long DataBegin, Dictionary<string, SafeTensorsEntry> Entries,
    IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Bytes of the number in front of the header.</summary>
    public const int LengthBytes = 8;

    /// <summary>Key of the metadata in the header.</summary>
    public const string MetadataKey = "__metadata__";

    private const long LongestHeader = 100_000_000;

    /// <summary>Reads the number in front of the header.</summary>
    /// <param name="start">The file's first bytes.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    /// <param name="file">Name for messages.</param>
    /// <returns>Bytes of the header.</returns>
    /// <exception cref="FormatException">It cannot be a safetensors file.</exception>
    /// <exception cref="NotSupportedException">It is a pickle.</exception>
    public static int ReadLength(ReadOnlySpan<byte> start, long fileLength, string file)
    {
        Pickle.RefuseContent(start, file);
        if (fileLength < LengthBytes)
            throw new FormatException(
                $"{file}: expected a header length of 8 bytes, found a file of {fileLength} bytes.");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length is >= 2 and <= LongestHeader && (long)length <= fileLength - LengthBytes)
            return (int)length;
        throw new FormatException(
            $"{file}: header length: expected 2 to {Math.Min(LongestHeader, fileLength - LengthBytes)} bytes, found"
                + $" {length}.{FileHint.For(start)}");
    }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="json">The header.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    /// <param name="file">Name for messages.</param>
    /// <exception cref="FormatException">The header breaks a rule of the format.</exception>
    public static SafeTensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file)
    {
        if (json.IsEmpty || json[0] != '{')
        {
            string found = json.IsEmpty ? "nothing" : $"byte 0x{json[0]:x2}";
            throw new FormatException($"{file}: header: expected JSON that begins with '{{', found {found}.");
        }
        if (!Utf8.IsValid(json))
            throw new FormatException($"{file}: header: expected UTF-8, found other bytes.");
        long begin = LengthBytes + json.Length;
        var entries = new Dictionary<string, SafeTensorsEntry>(StringComparer.Ordinal);
        Dictionary<string, string>? metadata = null;
        try
        {
            var reader = new Utf8JsonReader(json, isFinalBlock: false, state: default);
            reader.Read();
            while (Next(ref reader, file) == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                Next(ref reader, file);
                if (name != MetadataKey)
                {
                    if (!entries.TryAdd(name, SafeTensorsEntryReader.Read(ref reader, name, file)))
                        throw new FormatException(
                            $"{file}: header: tensor {FileText.Quote(name)} stands there twice (duplicate).");
                }
                else if (metadata is null)
                    metadata = ReadMetadata(ref reader, file);
                else
                    throw new FormatException($"{file}: header: {MetadataKey} stands there twice (duplicate).");
            }
            if (json[(int)reader.BytesConsumed..].ContainsAnyExcept((byte)' '))
                throw new FormatException($"{file}: header: expected spaces behind the JSON, found other bytes.");
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new FormatException(
                $"{file}: header: expected JSON, found something else: {FileText.Quote(fault.Message)}", fault);
        }
        CheckPlaces(entries.Values, fileLength - begin, file);
        return new SafeTensorsHeader(begin, entries, metadata ?? []);
    }

    private static Dictionary<string, string> ReadMetadata(ref Utf8JsonReader reader, string file)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new FormatException($"{file}: {MetadataKey}: expected an object of texts, found {reader.TokenType}.");
        while (Next(ref reader, file) == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (Next(ref reader, file) != JsonTokenType.String)
                throw new FormatException(
                    $"{file}: {MetadataKey} {FileText.Quote(key)}: expected a text, found {reader.TokenType}.");
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw new FormatException(
                    $"{file}: {MetadataKey} {FileText.Quote(key)} stands there twice (duplicate).");
        }
        return metadata;
    }

    // Every byte of the data belongs to one tensor: no overlap, no hole, no rest.
    private static void CheckPlaces(IEnumerable<SafeTensorsEntry> entries, long dataLength, string file)
    {
        long end = 0;
        SafeTensorsEntry? last = null;
        foreach (SafeTensorsEntry entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin != end)
            {
                throw new FormatException(
                    $"{file}: tensor {FileText.Quote(entry.Info.Name)}: data_offsets: expected to begin at {end},"
                        + $" found {entry.Begin}"
                    + (entry.Begin < end ? $": an overlap with {FileText.Quote(last!.Info.Name)}." : ": a hole."));
            }
            if (entry.End > dataLength)
            {
                throw new FormatException(
                    $"{file}: tensor {FileText.Quote(entry.Info.Name)}: data_offsets: it ends at byte {entry.End},"
                    + $" past the end of the data ({dataLength} bytes): the file is truncated.");
            }
            (end, last) = (entry.End, entry);
        }
        if (end != dataLength)
            throw new FormatException(
                $"{file}: expected {end} bytes of data, found {dataLength}: trailing bytes belong to no tensor.");
    }

    /// <summary>The next token; a header that ends before it is broken.</summary>
    internal static JsonTokenType Next(ref Utf8JsonReader reader, string file) => reader.Read() ? reader.TokenType
        : throw new FormatException($"{file}: header: the JSON ends too early.");
}
