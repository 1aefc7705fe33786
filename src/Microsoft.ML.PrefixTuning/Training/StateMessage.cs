using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>A stored state as bytes, for processes that do not have its file. Exists only on its way.</summary>
internal static class StateMessage
{
    /// <summary>The bytes.</summary>
    public static byte[] Of(StateContent content)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(content.Json);
        writer.Write(content.Tensors.Count);
        foreach ((string name, StateTensor tensor) in content.Tensors)
        {
            writer.Write(name);
            writer.Write(tensor.Shape.Length);
            writer.Write(MemoryMarshal.AsBytes(tensor.Shape.AsSpan()));
            writer.Write(tensor.Values.Length);
            writer.Write(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
        }
        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>The state.</summary>
    public static StateContent Read(byte[] message)
    {
        using var reader = new BinaryReader(new MemoryStream(message, writable: false));
        string json = reader.ReadString();
        return new StateContent(json, Enumerable.Range(0, reader.ReadInt32())
            .Select(_ => KeyValuePair.Create(reader.ReadString(), Tensor(reader))).ToDictionary());
    }

    private static StateTensor Tensor(BinaryReader reader)
    {
        var shape = new long[reader.ReadInt32()];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(shape.AsSpan()));
        var values = new float[reader.ReadInt32()];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return new StateTensor(shape, values);
    }
}
