using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>The kinds of values in a GGUF file's metadata, by their numbers there.</summary>
internal enum GgufValueKind : uint
{
    Byte = 0,
    SByte = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Single = 6,
    Boolean = 7,
    Text = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Double = 12,
}

/// <summary>
/// Where a value lies: its kind, its place in the file, and the number of elements of a list (-1: no list).
/// </summary>
internal readonly record struct GgufValue(GgufValueKind Kind, long Position, int Count);

/// <summary>
/// Keys and values of a GGUF file. A value is made when it is asked for, each time anew: a list of texts takes several
/// times the memory it takes in the file, and most are never asked for. The file must still be open then.
/// </summary>
/// <remarks>
/// Values are byte, sbyte, ushort, short, uint, int, float, bool, string, ulong, long, double, and arrays of these.
/// </remarks>
internal sealed class GgufMetadata : IReadOnlyDictionary<string, object>
{
    // What a key, its length, its kind and the smallest value take; and more keys than any file has.
    private const int LeastBytesOfKey = 8 + 1 + 4 + 1, MostKeys = 1 << 16, LongestKey = ushort.MaxValue;

    private readonly MappedFile _mapping;
    private readonly string _file;
    private readonly Dictionary<string, GgufValue> _values;

    private GgufMetadata(MappedFile mapping, string file, Dictionary<string, GgufValue> values) =>
        (_mapping, _file, _values) = (mapping, file, values);

    public IEnumerable<string> Keys => _values.Keys;

    public IEnumerable<object> Values => _values.Values.Select(Make);

    public int Count => _values.Count;

    public object this[string key] => Make(_values[key]);

    /// <summary>Checks all keys and values behind the cursor and notes where they lie.</summary>
    /// <exception cref="FormatException">One of them is broken or stands twice.</exception>
    public static GgufMetadata Read(GgufCursor cursor, int count, MappedFile mapping, string file)
    {
        var values = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            string key = cursor.Text($"key {i} of {count}"), what = $"key {FileText.Quote(key)}";
            if (key.Length is 0 or > LongestKey)
                throw cursor.Fault(what, $"a key of 1 to {LongestKey} bytes", $"{key.Length}");
            if (!values.TryAdd(key, Locate(cursor, what)))
                throw cursor.Fault(what, "every key once", "a duplicate");
        }
        return new GgufMetadata(mapping, file, values);
    }

    /// <summary>The number of keys, compared with the bytes left.</summary>
    public static int ReadCount(GgufCursor cursor) =>
        cursor.Count(LeastBytesOfKey, MostKeys, "number of key-value pairs (n_kv)");

    public bool ContainsKey(string key) => _values.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out object value)
    {
        bool found = _values.TryGetValue(key, out GgufValue place);
        value = found ? Make(place) : null;
        return found;
    }

    public IEnumerator<KeyValuePair<string, object>> GetEnumerator() =>
        _values.Select(pair => KeyValuePair.Create(pair.Key, Make(pair.Value))).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static GgufValue Locate(GgufCursor cursor, string what)
    {
        GgufValueKind kind = Kind(cursor, what);
        if (kind != GgufValueKind.Array)
        {
            long position = cursor.Position;
            Pass(cursor, kind, 1, what);
            return new GgufValue(kind, position, -1);
        }
        kind = Kind(cursor, what);
        if (kind == GgufValueKind.Array)
            throw cursor.Fault(what, "an array of values", "an array of arrays (nested)");
        int count = cursor.Count(kind == GgufValueKind.Text ? sizeof(ulong)
            : SizeOf(kind), int.MaxValue, $"{what}, array length");
        var value = new GgufValue(kind, cursor.Position, count);
        Pass(cursor, kind, count, what);
        return value;
    }

    private static GgufValueKind Kind(GgufCursor cursor, string what)
    {
        uint kind = cursor.Number<uint>(what);
        return kind <= (uint)GgufValueKind.Double ? (GgufValueKind)kind
            : throw cursor.Fault(what, $"a value type from 0 to {(uint)GgufValueKind.Double}", $"{kind}");
    }

    private static void Pass(GgufCursor cursor, GgufValueKind kind, int count, string what)
    {
        if (kind == GgufValueKind.Text)
        {
            for (int i = 0; i < count; i++)
                cursor.TextBytes(what);
            return;
        }
        ReadOnlySpan<byte> bytes = cursor.Bytes((ulong)count, SizeOf(kind), what);
        if (kind == GgufValueKind.Boolean && bytes.ContainsAnyExceptInRange<byte>(0, 1))
            throw cursor.Fault(what, "0 or 1 for a bool", "another byte");
    }

    private static int SizeOf(GgufValueKind kind) => kind switch
    {
        GgufValueKind.Byte or GgufValueKind.SByte or GgufValueKind.Boolean => 1,
        GgufValueKind.UInt16 or GgufValueKind.Int16 => 2,
        GgufValueKind.UInt32 or GgufValueKind.Int32 or GgufValueKind.Single => 4,
        GgufValueKind.UInt64 or GgufValueKind.Int64 or GgufValueKind.Double => 8,
        _ => throw new UnreachableException($"{kind} has no size of its own."),
    };

    private unsafe object Make(GgufValue value)
    {
        using MappedFile.Held held = _mapping.Hold();
        var cursor = new GgufCursor(held.Start, _mapping.Length, _file, value.Position);
        return value.Kind switch
        {
            GgufValueKind.Byte => Numbers<byte>(cursor, value),
            GgufValueKind.SByte => Numbers<sbyte>(cursor, value),
            GgufValueKind.UInt16 => Numbers<ushort>(cursor, value),
            GgufValueKind.Int16 => Numbers<short>(cursor, value),
            GgufValueKind.UInt32 => Numbers<uint>(cursor, value),
            GgufValueKind.Int32 => Numbers<int>(cursor, value),
            GgufValueKind.Single => Numbers<float>(cursor, value),
            GgufValueKind.Boolean => Numbers<bool>(cursor, value),
            GgufValueKind.UInt64 => Numbers<ulong>(cursor, value),
            GgufValueKind.Int64 => Numbers<long>(cursor, value),
            GgufValueKind.Double => Numbers<double>(cursor, value),
            GgufValueKind.Text => Texts(cursor, value),
            _ => throw new UnreachableException($"A value of kind {value.Kind}."),
        };
    }

    private static unsafe object Numbers<T>(GgufCursor cursor, GgufValue value)
        where T : unmanaged
    {
        if (value.Count < 0)
            return cursor.Number<T>("value");
        return MemoryMarshal.Cast<byte, T>(cursor.Bytes((ulong)value.Count, sizeof(T), "values")).ToArray();
    }

    private static object Texts(GgufCursor cursor, GgufValue value)
    {
        if (value.Count < 0)
            return cursor.Text("value");
        var texts = new string[value.Count];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = cursor.Text("values");
        return texts;
    }
}
