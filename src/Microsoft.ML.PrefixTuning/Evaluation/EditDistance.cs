using System;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// The edit distance between output and reference within a beam around the diagonal, as sacreBLEU's TER has it.
/// </summary>
internal sealed class EditDistance
{
    private const int BeamWidth = 25;
    private const int Unreached = int.MaxValue / 2;

    private readonly int[] _output;
    private readonly int[] _reference;
    private readonly double _ratio;
    private readonly int _beam;
    private readonly Row[] _rows;
    private readonly Row[] _left;
    private int[] _costs;
    private int[] _nextCosts;

    /// <param name="output">Words by number.</param>
    /// <param name="reference">Words by number.</param>
    public EditDistance(int[] output, int[] reference)
    {
        _output = output;
        _reference = reference;
        _ratio = output.Length > 0 ? reference.Length / (double)output.Length : 1;
        // Without a wider beam neighbouring rows might not overlap.
        _beam = BeamWidth < _ratio / 2 ? (int)Math.Ceiling(_ratio / 2 + BeamWidth) : BeamWidth;
        _rows = new Row[output.Length + 1];
        _rows[0] = new Row(0, [.. Enumerable.Range(0, reference.Length + 1)], reference.Length + 1);
        int widest = 0;
        for (int i = 1; i < _rows.Length; i++)
        {
            (int first, int end) = Band(i);
            widest = Math.Max(widest, end - first);
            _rows[i] = new Row(first, new int[end - first], end - first);
            Fill(_rows[i], _rows[i - 1], output[i - 1]);
        }
        (_costs, _nextCosts) = (new int[widest], new int[widest]);
        _left = Left();
    }

    /// <summary>Insertions, deletions and substitutions between the two.</summary>
    public int Value => _rows[^1][_reference.Length];

    /// <summary>The distance of another order of the output's words.</summary>
    /// <remarks>Only the words between the first and the last that differ are looked at anew.</remarks>
    public int ValueOf(int[] shifted)
    {
        int same = shifted.AsSpan().CommonPrefixLength(_output), last = shifted.Length;
        while (last > same && shifted[last - 1] == _output[last - 1])
            last--;
        Row above = _rows[same];
        for (int i = same + 1; i <= last; i++)
        {
            (int first, int end) = Band(i);
            var row = new Row(first, _costs, end - first);
            Fill(row, above, shifted[i - 1]);
            above = row;
            (_costs, _nextCosts) = (_nextCosts, _costs);
        }
        int value = Unreached;
        for (int column = above.First; column < above.First + above.Count; column++)
            value = Math.Min(value, above[column] + _left[last][column]);
        return value;
    }

    /// <summary>Which words stand against each other, and which are wrong.</summary>
    public Alignment Align()
    {
        var alignment =
            new Alignment(new int[_reference.Length], new bool[_output.Length], new bool[_reference.Length]);
        for (int i = _output.Length, j = _reference.Length; i > 0 || j > 0;)
        {
            int cost = _rows[i][j];
            bool same = i > 0 && j > 0 && _output[i - 1] == _reference[j - 1];
            if (i > 0 && j > 0 && _rows[i - 1][j - 1] + (same ? 0 : 1) == cost)
            {
                alignment.OutputErrors[--i] = !same;
                alignment.ReferenceErrors[--j] = !same;
                alignment.Positions[j] = i;
            }
            else if (i > 0 && _rows[i - 1][j] + 1 == cost)
                alignment.OutputErrors[--i] = true;
            else
            {
                alignment.ReferenceErrors[--j] = true;
                alignment.Positions[j] = i - 1;
            }
        }
        return alignment;
    }

    // What is left to the table's end, for each place in it.
    private Row[] Left()
    {
        var left = new Row[_rows.Length];
        Row below = default;
        for (int i = left.Length - 1; i >= 0; i--)
        {
            var row = new Row(_rows[i].First, new int[_rows[i].Count], _rows[i].Count);
            int right = Unreached;
            for (int column = row.First + row.Count - 1; column >= row.First; column--)
            {
                int cost = i == _output.Length ? _reference.Length - column : below[column] + 1;
                if (i < _output.Length && column < _reference.Length)
                {
                    int change = _output[i] == _reference[column] ? 0 : 1;
                    cost = Math.Min(Math.Min(cost, below[column + 1] + change), right + 1);
                }
                row.Costs[column - row.First] = right = Math.Min(cost, Unreached);
            }
            left[i] = below = row;
        }
        return left;
    }

    // The columns of a row within the beam; the last row reaches to the reference's end.
    private (int First, int End) Band(int row)
    {
        int diagonal = (int)Math.Floor(row * _ratio), columns = _reference.Length + 1;
        return (Math.Max(0, diagonal - _beam), row == _output.Length ? columns : Math.Min(columns, diagonal + _beam));
    }

    private void Fill(Row row, Row above, int word)
    {
        Span<int> costs = row.Costs.AsSpan(0, row.Count);
        ReadOnlySpan<int> reference = _reference.AsSpan(Math.Max(0, row.First - 1));
        // What the row above has beyond its end is unreached.
        ReadOnlySpan<int> up = above.Costs.AsSpan(0, above.Count)[Math.Min(row.First - above.First, above.Count)..];
        int left = Unreached, diagonal = above[row.First - 1], column = 0;
        if (row.First == 0)
            (costs[0], left, diagonal, column) = (up[0] + 1, up[0] + 1, up[0], 1);
        int shift = column;
        for (; column < costs.Length; column++)
        {
            int straight = column < up.Length ? up[column] : Unreached;
            int cost = diagonal + (word == reference[column - shift] ? 0 : 1);
            cost = Math.Min(Math.Min(cost, Unreached), Math.Min(straight, left) + 1);
            (costs[column], left, diagonal) = (cost, cost, straight);
        }
    }

    /// <summary>A row of the table, as far as it is within the beam.</summary>
    /// <param name="First">Its first column there.</param>
    /// <param name="Costs">The distances from there on; all others are unreached.</param>
    /// <param name="Count">How many there are.</param>
    private readonly record struct Row(int First, int[] Costs, int Count)
    {
        public int this[int column] => (uint)(column - First) < (uint)Count ? Costs[column - First] : Unreached;
    }
}

/// <summary>How output and reference stand against each other.</summary>
/// <param name="Positions">For each reference word, the output word at its place, or the last one before it; -1 before
/// the first.</param>
/// <param name="OutputErrors">Which output words are wrong.</param>
/// <param name="ReferenceErrors">Which reference words are missed.</param>
internal readonly record struct Alignment(int[] Positions, bool[] OutputErrors, bool[] ReferenceErrors);
