using System;
using System.Collections.Generic;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>Seeded damage to bytes: what a bad disk, a careless tool or an attacker might do.</summary>
internal static class Mutation
{
    private static readonly byte[][] Words = Array.ConvertAll(
        (string[])["0", "-1", "1", "2147483648", "9223372036854775807", "18446744073709551616", "1e308", "-0.0", "0.5",
            "null", "true",
            "\"\"", "\"0\"", "[]", "{}", "[0,", "{\"a\":", "\"", "\\", "\\ud800", "\0", ",", ":", "}", "]", "\u00e9",
                "nan"],
        Encoding.UTF8.GetBytes);

    /// <summary>A copy with one to three places changed.</summary>
    public static byte[] Of(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (int i = random.Next(3); i >= 0; i--)
            Change(bytes, random);
        return [.. bytes];
    }

    private static void Change(List<byte> bytes, Random random)
    {
        int place = random.Next(bytes.Count + 1), length = Math.Min(random.Next(1, 12), bytes.Count - place);
        switch (random.Next(6))
        {
            case 0 when place < bytes.Count:
                bytes[place] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes.RemoveRange(place, length);
                break;
            case 2:
                bytes.InsertRange(place, bytes.GetRange(place, length));
                break;
            case 3:
                bytes.RemoveRange(place, bytes.Count - place);
                break;
            default:
                ReplaceValue(bytes, place, Words[random.Next(Words.Length)]);
                break;
        }
        if (bytes.Count == 0)
            bytes.Add((byte)random.Next(256));
    }

    /// <summary>Puts a word in the place of the next JSON value, or where there is none into the text.</summary>
    private static void ReplaceValue(List<byte> bytes, int place, byte[] word)
    {
        int begin = bytes.FindIndex(Math.Min(place, bytes.Count - 1), b => b is (byte)':' or (byte)'[' or (byte)',')
            + 1;
        if (begin == 0)
            begin = place;
        int end = bytes.FindIndex(begin, b => b is (byte)',' or (byte)']' or (byte)'}');
        bytes.RemoveRange(begin, Math.Max(0, end - begin));
        bytes.InsertRange(begin, word);
    }
}
