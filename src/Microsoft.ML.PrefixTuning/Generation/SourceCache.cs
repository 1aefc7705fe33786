using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// What the rows of an encoder-decoder model see of their sources: every decoder layer's keys and values of the
/// encoder's output behind the cross-attention's prefix, made once a row and shared by its beams. Owns its block.
/// </summary>
internal sealed class SourceCache(StackSpec decoder, ScalarType type, Device device) : IDisposable
{
    private int[] _lengths = [];

    public KeyValueBlock Block { get; } = new(decoder.Layers, decoder.Heads, type, device);

    /// <summary>Makes room for rows.</summary>
    /// <param name="rows">Rows that are needed.</param>
    /// <param name="columns">Tokens of the longest source, its prefix included.</param>
    public void Open(int rows, int columns)
    {
        Block.Open(rows, columns);
        _lengths = new int[rows];
    }

    /// <summary>Keeps encoded sources in neighbouring slots.</summary>
    /// <param name="first">The first slot.</param>
    /// <param name="source">The sources.</param>
    public void Write(int first, EncodedSource source)
    {
        int rows = source.Lengths.Length, columns = (int)source.Keys[0].size(Axis.Key);
        Block.Ensure(columns);
        Block.Clear(first, rows);
        Tensor content =
            stack([.. source.Keys.Zip(source.Values, (keys, values) => stack([keys, values]))]); // [N, 2, B, G, S, D]
        for (int row = 0; row < rows; row++)
        {
            Block.Fill(first + row, content.select(2, row));
            _lengths[first + row] = source.PrefixLength + source.Lengths[row];
        }
    }

    /// <summary>Takes slots to other places.</summary>
    public void Move(int[] from, int[] to)
    {
        Block.CopyLanes(tensor(from, ScalarType.Int64, device), tensor(to, ScalarType.Int64, device), 0, Block.Columns);
        for (int i = 0; i < from.Length; i++)
            _lengths[to[i]] = _lengths[from[i]];
    }

    /// <summary>The sources of neighbouring slots as one new token of each of their lanes sees them.</summary>
    /// <param name="first">The first slot.</param>
    /// <param name="rows">Slots.</param>
    /// <param name="lanes">Lanes of each row.</param>
    public CrossInput See(int first, int rows, int lanes)
    {
        ReadOnlySpan<int> lengths = _lengths.AsSpan(first, rows);
        int columns = 0;
        foreach (int length in lengths)
            columns = Math.Max(columns, length);
        Tensor[] visible = Block.Read(new LaneRange(first, rows, 1), columns);
        var queries = new int[rows];
        Array.Fill(queries, lanes);
        return new CrossInput([.. visible.Where((_, i) => i % 2 == 0)], [.. visible.Where((_, i) => i % 2 == 1)],
            TokenPlaces.Everywhere(queries, lanes, lengths, columns, prefixLength: 0))
        { RowsPerSource = lanes };
    }

    public void Dispose() => Block.Dispose();
}
