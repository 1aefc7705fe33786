using System;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// The printable character that stands for each byte in a byte-level vocabulary: itself where it is printable, else the
/// next one from U+0100 on (<c>bytes_to_unicode</c> in GPT-2's <c>encoder.py</c>).
/// </summary>
internal static class ByteAlphabet
{
    /// <summary>The kind of tokenizer that writes its tokens so, for people.</summary>
    public const string Kind = "byte-level BPE";

    private const int Base = 0x100;

    private static readonly char[] Characters = Build();
    private static readonly int[] Bytes = Invert();

    /// <summary>The character of a byte.</summary>
    public static char CharacterOf(byte value) => Characters[value];

    /// <summary>
    /// The bytes that a token stands for; one with a character that stands for none, as added tokens may have, is
    /// itself.
    /// </summary>
    public static byte[] BytesOf(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            int value = token[i] < Bytes.Length ? Bytes[token[i]] : -1;
            if (value < 0)
                return Encoding.UTF8.GetBytes(token);
            bytes[i] = (byte)value;
        }
        return bytes;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        int next = Base;
        for (int value = 0; value < characters.Length; value++)
            characters[value] = (char)(value is (>= '!' and <= '~') or (>= '¡' and <= '¬') or (>= '®' and <= 'ÿ')
                ? value : next++);
        return characters;
    }

    private static int[] Invert()
    {
        var bytes = new int[2 * Base];
        Array.Fill(bytes, -1);
        for (int value = 0; value < Characters.Length; value++)
            bytes[Characters[value]] = value;
        return bytes;
    }
}
