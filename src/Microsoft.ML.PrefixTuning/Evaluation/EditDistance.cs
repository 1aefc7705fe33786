using System;

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
    private readonly int[][] _rows;
    private int[] _row;
    private int[] _nextRow;

    /// <param name="output">Words by number.</param>
    /// <param name="reference">Words by number.</param>
    public EditDistance(int[] output, int[] reference)
    {
        _output = output;
        _reference = reference;
        _ratio = output.Length > 0 ? reference.Length / (double)output.Length : 1;
        // Without a wider beam neighbouring rows might not overlap.
        _beam = BeamWidth < _ratio / 2 ? (int)Math.Ceiling(_ratio / 2 + BeamWidth) : BeamWidth;
        _rows = new int[output.Length + 1][];
        for (int i = 0; i < _rows.Length; i++)
            _rows[i] = new int[reference.Length + 1];
        for (int j = 0; j <= reference.Length; j++)
            _rows[0][j] = j;
        for (int i = 1; i < _rows.Length; i++)
            Fill(_rows[i], _rows[i - 1], i, output[i - 1]);
        _row = new int[reference.Length + 1];
        _nextRow = new int[reference.Length + 1];
    }

    /// <summary>Insertions, deletions and substitutions between the two.</summary>
    public int Value => _rows[^1][^1];

    /// <summary>The distance of another order of the output's words.</summary>
    public int ValueOf(int[] shifted)
    {
        int same = shifted.AsSpan().CommonPrefixLength(_output);
        int[] above = _rows[same];
        for (int i = same + 1; i <= shifted.Length; i++)
        {
            Fill(_row, above, i, shifted[i - 1]);
            above = _row;
            (_row, _nextRow) = (_nextRow, _row);
        }
        return above[^1];
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

    private void Fill(int[] row, int[] above, int index, int word)
    {
        int diagonal = (int)Math.Floor(index * _ratio);
        int first = Math.Max(0, diagonal - _beam);
        int end = index == _output.Length ? row.Length : Math.Min(row.Length, diagonal + _beam);
        Array.Fill(row, Unreached);
        for (int j = first; j < end; j++)
        {
            int cost = above[j] + 1;
            if (j > 0)
            {
                cost = Math.Min(cost, above[j - 1] + (word == _reference[j - 1] ? 0 : 1));
                cost = Math.Min(cost, row[j - 1] + 1);
            }
            row[j] = Math.Min(cost, Unreached);
        }
    }
}

/// <summary>How output and reference stand against each other.</summary>
/// <param name="Positions">For each reference word, the output word at its place, or the last one before it; -1 before
/// the first.</param>
/// <param name="OutputErrors">Which output words are wrong.</param>
/// <param name="ReferenceErrors">Which reference words are missed.</param>
internal readonly record struct Alignment(int[] Positions, bool[] OutputErrors, bool[] ReferenceErrors);
