using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>The metadata keys of a GGUF file of version 3.</summary>
internal static class GgufKeys
{
    public static IReadOnlyDictionary<string, object> Read(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        reader.ReadBytes(16);
        long count = reader.ReadInt64();
        var keys = new Dictionary<string, object>();
        for (long i = 0; i < count; i++)
            keys.Add(Text(reader), Value(reader, reader.ReadInt32()));
        return keys;
    }

    private static object Value(BinaryReader reader, int type) => type switch
    {
        4 => reader.ReadUInt32(),
        5 => reader.ReadInt32(),
        6 => reader.ReadSingle(),
        7 => reader.ReadBoolean(),
        8 => Text(reader),
        9 => List(reader, reader.ReadInt32(), reader.ReadInt64()),
        _ => throw new FormatException($"Value type {type}."),
    };

    private static Array List(BinaryReader reader, int type, long count)
    {
        object[] values = Enumerable.Range(0, (int)count).Select(_ => Value(reader, type)).ToArray();
        Array list = Array.CreateInstance(values.Length == 0 ? typeof(string) : values[0].GetType(), values.Length);
        values.CopyTo(list, 0);
        return list;
    }

    private static string Text(BinaryReader reader) =>
        Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadInt64()));
}
