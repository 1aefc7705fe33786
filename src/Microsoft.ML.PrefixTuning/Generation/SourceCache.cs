using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
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

    /// <summary>Makes room for rows; what was held is lost.</summary>
    /// <param name="rows">Rows that are needed.</param>
    /// <param name="columns">Tokens of the longest source, its prefix included.</param>
    public void Open(int rows, int columns)
    {
        Block.Open(rows, columns);
        _lengths = new int[rows];
    }

    /// <summary>Makes room for more rows; what is held stays.</summary>
    /// <inheritdoc cref="KeyValueBlock.Ensure(int, int, long)"/>
    public void Ensure(int rows, int columns, long most)
    {
        Block.Ensure(rows, columns, most);
        Array.Resize(ref _lengths, Math.Max(rows, _lengths.Length));
    }

    /// <summary>Keeps encoded sources in neighbouring slots.</summary>
    /// <param name="first">The first slot.</param>
    /// <param name="source">The sources.</param>
    public void Write(int first, EncodedSource source)
    {
        int rows = source.Lengths.Length, columns = (int)source.Keys[0].size(Axis.Key);
        Block.Ensure(columns, rows);
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
        Block.CopyLanes(from, to, first: 0);
        for (int i = 0; i < from.Length; i++)
            _lengths[to[i]] = _lengths[from[i]];
    }

    /// <summary>The sources of neighbouring slots as one new token of each of their lanes sees them.</summary>
    /// <param name="first">The first slot.</param>
    /// <param name="lanes">Lanes of each row.</param>
    public CrossInput See(int first, ReadOnlySpan<int> lanes)
    {
        int rows = lanes.Length, columns = 0;
        ReadOnlySpan<int> lengths = _lengths.AsSpan(first, rows);
        foreach (int length in lengths)
            columns = Math.Max(columns, length);
        Tensor[] visible = Block.Read(new LaneRange(first, rows, 1), columns);
        return lanes.IndexOfAnyExcept(lanes[0]) < 0 ? See(visible, lengths, columns, lanes[0])
            : SeeApart(visible, lengths, columns, lanes);
    }

    // Rows of several numbers of lanes side by side: each lane has a copy of its source, for this pass.
    private CrossInput SeeApart(Tensor[] visible, ReadOnlySpan<int> lengths, int columns, ReadOnlySpan<int> lanes)
    {
        var rowOfLane = new List<long>();
        var lengthOfLane = new List<int>();
        for (int row = 0; row < lanes.Length; row++)
        {
            rowOfLane.AddRange(Enumerable.Repeat((long)row, lanes[row]));
            lengthOfLane.AddRange(Enumerable.Repeat(lengths[row], lanes[row]));
        }
        Tensor places = tensor(rowOfLane, device: device);
        Tensor[] copies = Array.ConvertAll(visible, one => one.index_select(0, places));
        return See(copies, CollectionsMarshal.AsSpan(lengthOfLane), columns, lanes: 1);
    }

    private static CrossInput See(Tensor[] visible, ReadOnlySpan<int> lengths, int columns, int lanes)
    {
        var queries = new int[lengths.Length];
        Array.Fill(queries, lanes);
        return new CrossInput([.. visible.Where((_, i) => i % 2 == 0)], [.. visible.Where((_, i) => i % 2 == 1)],
            TokenPlaces.Everywhere(queries, lanes, lengths, columns, prefixLength: 0))
        { RowsPerSource = lanes };
    }

    public void Dispose() => Block.Dispose();
}
