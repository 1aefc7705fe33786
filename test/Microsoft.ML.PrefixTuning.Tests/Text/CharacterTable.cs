using System;
using System.Buffers.Binary;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Makes tables of characters as SentencePiece's files have them.</summary>
internal static class CharacterTable
{
    private const int Places = 256;

    /// <summary>A table that replaces one sequence by a row of x.</summary>
    /// <param name="from">The sequence, of ASCII.</param>
    /// <param name="count">How many x.</param>
    public static byte[] Make(string from, int count)
    {
        // Unit 0 is the root, which leads nowhere by an offset of 0: the first character's unit lies at its own place.
        // Each leads to the next 256 places, where the next character's unit lies at its own, and a leaf at the first.
        var units = new uint[Places * (from.Length + 1)];
        int begin = 0;
        for (int i = 0; i < from.Length; i++, begin += Places)
        {
            int place = begin ^ from[i];
            uint isEnd = i == from.Length - 1 ? 1u << 8 : 0;
            units[place] = from[i] | isEnd | (uint)(place ^ (begin + Places)) << 10;
        }
        units[begin] = 1u << 31;
        var table = new byte[(units.Length + 1) * sizeof(uint) + count + 1];
        BinaryPrimitives.WriteUInt32LittleEndian(table, (uint)units.Length * sizeof(uint));
        for (int i = 0; i < units.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan((i + 1) * sizeof(uint)), units[i]);
        table.AsSpan((units.Length + 1) * sizeof(uint), count).Fill((byte)'x');
        return table;
    }
}
