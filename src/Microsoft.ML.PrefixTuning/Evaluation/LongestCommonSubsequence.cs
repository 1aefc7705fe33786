using System;
using System.Collections.Generic;
using System.Numerics;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// The longest sequence that a text shares with others, not necessarily without gaps. Table rows are kept as bits, of
/// which a zero says that the length grows there (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004).
/// </summary>
/// <param name="text">The text's tokens, by number.</param>
internal sealed class LongestCommonSubsequence(int[] text)
{
    private const int BlockSize = PlaceBlock.Size;

    private readonly Dictionary<int, PlaceSet> _places = PlaceSet.OfTokens(text);

    /// <summary>Its length in tokens.</summary>
    /// <param name="other">The other text's tokens.</param>
    public int Length(ReadOnlySpan<int> other)
    {
        ulong[] row = FirstRow();
        foreach (int token in other)
        {
            if (_places.TryGetValue(token, out PlaceSet? places))
                Advance(row, places);
        }
        return CountZeros(row, text.Length);
    }

    /// <summary>Marks the tokens of <paramref name="other"/> that belong to one such sequence.</summary>
    /// <remarks>Of several, the one that rouge_score's <c>_backtrack_norec</c> finds.</remarks>
    public void Mark(ReadOnlySpan<int> other, Span<bool> marks)
    {
        ulong[][] rows = Rows(other);
        for (int i = other.Length, j = text.Length; i > 0 && j > 0;)
        {
            if (other[i - 1] == text[j - 1])
            {
                marks[i - 1] = true;
                (i, j) = (i - 1, j - 1);
            }
            else if (CountZeros(rows[i], j - 1) > CountZeros(rows[i - 1], j))
                j--;
            else
                i--;
        }
    }

    // Rows that are equal are one array.
    private ulong[][] Rows(ReadOnlySpan<int> other)
    {
        var rows = new ulong[other.Length + 1][];
        rows[0] = FirstRow();
        for (int i = 0; i < other.Length; i++)
        {
            rows[i + 1] = rows[i];
            if (!_places.TryGetValue(other[i], out PlaceSet? places))
                continue;
            rows[i + 1] = [.. rows[i]];
            Advance(rows[i + 1], places);
        }
        return rows;
    }

    private ulong[] FirstRow()
    {
        var row = new ulong[text.Length / BlockSize + 1];
        Array.Fill(row, ulong.MaxValue);
        return row;
    }

    // The row below: row + (row & places), with what is carried from block to block, | row & ~places.
    private static void Advance(ulong[] row, PlaceSet places)
    {
        bool carry = false;
        int next = 0;
        foreach (PlaceBlock block in places.Blocks)
        {
            for (; carry && next < block.Index; next++)
                Advance(ref row[next], 0, ref carry);
            Advance(ref row[block.Index], block.Bits, ref carry);
            next = block.Index + 1;
        }
        for (; carry && next < row.Length; next++)
            Advance(ref row[next], 0, ref carry);
    }

    private static void Advance(ref ulong bits, ulong places, ref bool carry)
    {
        ulong sum = unchecked(bits + (bits & places)), whole = unchecked(sum + (carry ? 1UL : 0));
        carry = sum < bits || whole < sum;
        bits = whole | (bits & ~places);
    }

    // Zeros among the first bits: the length of the sequence that the text's first tokens share.
    private static int CountZeros(ulong[] row, int count)
    {
        int ones = BitOperations.PopCount(row[count / BlockSize] & ((1UL << (count % BlockSize)) - 1));
        for (int i = 0; i < count / BlockSize; i++)
            ones += BitOperations.PopCount(row[i]);
        return count - ones;
    }
}
