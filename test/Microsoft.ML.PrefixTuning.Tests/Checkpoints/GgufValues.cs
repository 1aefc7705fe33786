using System;
using System.IO;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Texts and values as GGUF files hold them.</summary>
internal static class GgufValues
{
    /// <summary>A text behind its length.</summary>
    public static void Text(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    /// <summary>A value behind its type.</summary>
    public static void Write(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case ushort number:
                writer.Write(2);
                writer.Write(number);
                break;
            case int number:
                writer.Write(5);
                writer.Write(number);
                break;
            case string[] texts:
                writer.Write(9);
                writer.Write(8);
                writer.Write((long)texts.Length);
                foreach (string text in texts)
                    Text(writer, text);
                break;
            case int[] numbers:
                writer.Write(9);
                writer.Write(5);
                writer.Write((long)numbers.Length);
                foreach (int number in numbers)
                    writer.Write(number);
                break;
            case uint number:
                writer.Write(4);
                writer.Write(number);
                break;
            case float number:
                writer.Write(6);
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(7);
                writer.Write(flag);
                break;
            case string text:
                writer.Write(8);
                Text(writer, text);
                break;
            default:
                throw new ArgumentException($"A value of type {value.GetType()}.", nameof(value));
        }
    }
}
