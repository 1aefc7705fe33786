using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The rows that are worked on at once, each in a slot of as many lanes as it has beams or draws. Active rows always
/// fill the first slots. Owns the caches, not the model.
/// </summary>
internal sealed class GenerationBatch : IDisposable
{
    private readonly LanguageModel _model;
    private readonly GenerationRules _rules;
    private readonly KeyValueCache _cache;
    private readonly SourceCache? _sources;
    private readonly NextTokens _choice;
    private readonly int _lanes;
    private readonly List<ActiveRow> _rows = [];
    private int _slots;
    private int _prefixColumns;

    public GenerationBatch(LanguageModel model, GenerationRules rules)
    {
        (_model, _rules) = (model, rules);
        _lanes = TokenSearch.LanesOf(rules);
        _cache = new KeyValueCache(model.Spec.Decoder, model.Type, model.Device);
        _sources = model.Spec.IsEncoderDecoder ? new SourceCache(model.Spec.Decoder, model.Type, model.Device) : null;
        _choice = new NextTokens(rules, model.Device);
    }

    /// <summary>Active rows.</summary>
    public int Count => _rows.Count;

    /// <summary>Whether enough slots are free to be worth a reading pass.</summary>
    public bool WantsRows => _rows.Count == 0 || _slots - _rows.Count >= Math.Max(1, _slots / 4);

    /// <summary>Empties the batch and makes room for the rows of a call.</summary>
    public void Open(IReadOnlyList<ActiveRow> rows)
    {
        _rows.Clear();
        _slots = Math.Max(1, Math.Min(_rules.BatchSize / _lanes, rows.Count));
        _prefixColumns = rows.Select(row => row.PrefixLength).DefaultIfEmpty().Max();
        int longest = rows.Select(row => row.Opening.Length + row.Limit).DefaultIfEmpty().Max();
        _cache.Block.Open(_slots * _lanes, _prefixColumns + longest);
        _sources?.Open(_slots, rows.Select(row => row.SourceColumns).DefaultIfEmpty().Max());
    }

    /// <summary>Reads as many waiting rows as free slots and one pass hold, and chooses their first tokens.</summary>
    public void Add(Queue<ActiveRow> waiting)
    {
        using var scope = NewDisposeScope();
        ActiveRow[] rows = TakeFrom(waiting);
        int first = _rows.Count;
        _rows.AddRange(rows);
        if (_sources is not null)
            Encode(rows, first);
        _cache.Block.Ensure(_prefixColumns + rows.Max(row => row.Opening.Length));
        _cache.Block.Clear(first * _lanes, rows.Length * _lanes);
        for (int row = 0; row < rows.Length; row++)
        {
            if (rows[row].PrefixLength > 0)
                _cache.Block.Fill((first + row) * _lanes, rows[row].Prefix.Values[AttentionSite.Decoder]);
        }
        Tensor last = Read(rows, first);                                                        // [B, E]
        _choice.Choose(_model.Logits(last), rows);
        FollowParents(first, fromColumn: 0);
    }

    /// <summary>Runs the last chosen tokens of all active rows and chooses the next ones.</summary>
    public void Step()
    {
        using var scope = NewDisposeScope();
        int lanes = _rows.Count * _lanes;
        var ids = new long[lanes];
        var states = new RowState[lanes];
        var conventions = new PrefixConvention[lanes];
        for (int lane = 0; lane < lanes; lane++)
        {
            ActiveRow row = _rows[lane / _lanes];
            ids[lane] = row.Search.Tokens[lane % _lanes];
            (states[lane], conventions[lane]) = (row.State(1), row.Convention);
        }
        var pass = new Pass(new LaneRange(0, lanes, 1), states, 1, conventions);
        Tensor next = tensor(ids, [lanes, 1], device: _model.Device);
        Tensor hidden = Run(pass, next, _sources?.See(0, _rows.Count, _lanes)); // [B, 1, E]
        foreach (ActiveRow row in _rows)
            row.Present++;
        _choice.Choose(_model.Logits(hidden.select(Axis.Token, 0)), CollectionsMarshal.AsSpan(_rows));
        FollowParents(0, _prefixColumns + _rows.Min(row => row.Opening.Length));
    }

    /// <summary>Takes out the rows that are done; the last ones move into their slots.</summary>
    public IReadOnlyList<ActiveRow> TakeFinished()
    {
        List<ActiveRow> finished = _rows.FindAll(row => row.Search.IsDone);
        if (finished.Count == 0)
            return finished;
        int left = _rows.Count - finished.Count;
        var moves = new List<(int From, int To)>();
        int from = left;
        for (int to = 0; to < left; to++)
        {
            if (!_rows[to].Search.IsDone)
                continue;
            while (_rows[from].Search.IsDone)
                from++;
            moves.Add((from, to));
            _rows[to] = _rows[from++];
        }
        _rows.RemoveRange(left, finished.Count);
        if (moves.Count > 0)
            Move(moves);
        return finished;
    }

    public void Dispose()
    {
        _cache.Dispose();
        _sources?.Dispose();
        _choice.Dispose();
    }

    private ActiveRow[] TakeFrom(Queue<ActiveRow> waiting)
    {
        var rows = new List<ActiveRow>();
        int longest = 0;
        while (rows.Count < _slots - _rows.Count && waiting.TryPeek(out ActiveRow? next))
        {
            longest = Math.Max(longest, next.Prompt.Source.Length);
            if (rows.Count > 0 && !ReadingPass.Holds(rows.Count + 1, longest))
                break;
            rows.Add(waiting.Dequeue());
        }
        // Rows of one prefix side by side: an encoder reads them together.
        return [.. rows.GroupBy(row => row.Prompt.Prefix).SelectMany(group => group)];
    }

    /// <summary>Runs the openings of rows, in parts where they are too long for one pass.</summary>
    /// <param name="rows">The rows, in neighbouring slots.</param>
    /// <param name="first">The first slot.</param>
    /// <returns>The hidden states of each row's last token, [B, E].</returns>
    private Tensor Read(ActiveRow[] rows, int first)
    {
        int longest = rows.Max(row => row.Opening.Length);
        int part = ReadingPass.Tokens(rows.Length, longest, _prefixColumns, _model.Spec.Decoder.Heads.Group);
        var lasts = new Tensor[rows.Length];
        for (int start = 0; start < longest; start += part)
        {
            int[][] parts = Array.ConvertAll(rows,
                row => row.Opening[row.Present..Math.Min(start + part, row.Opening.Length)]);
            using var scope = NewDisposeScope();
            TokenRows read = TokenRows.Pad(parts, _model.Device);
            var pass = new Pass(new LaneRange(first * _lanes, rows.Length, _lanes),
                [.. rows.Zip(read.Lengths, (row, length) => row.State(length))], read.Width,
                Array.ConvertAll(rows, row => row.Convention));
            Tensor hidden = Run(pass, read.Ids, _sources?.See(first, rows.Length, lanes: 1));    // [B, L, E]
            for (int row = 0; row < rows.Length; row++)
            {
                int count = read.Lengths[row];
                rows[row].Present += count;
                if (count > 0 && rows[row].Present == rows[row].Opening.Length)
                    lasts[row] = hidden.select(Axis.Row, row).select(0, count - 1).clone().MoveToOuterDisposeScope();
            }
        }
        return stack(lasts);
    }

    private void Encode(ActiveRow[] rows, int first)
    {
        foreach (IGrouping<PrefixTensors?, ActiveRow> group in rows.GroupBy(row => row.Prompt.Prefix))
        {
            int[][] sources = [.. group.Select(row => row.Prompt.Source)];
            _sources!.Write(first,
                EncodedSource.Make(_model, TokenRows.Pad(sources, _model.Device), group.First().Prefix));
            first += sources.Length;
        }
    }

    private Tensor Run(in Pass pass, Tensor ids, CrossInput? cross)
    {
        int columns = 0;
        var firstColumns = new int[pass.Lanes.Count];
        for (int lane = 0; lane < firstColumns.Length; lane++)
        {
            firstColumns[lane] = _prefixColumns + pass.States[lane].Present;
            columns = Math.Max(columns, firstColumns[lane] + pass.Tokens);
        }
        _cache.Begin(pass.Lanes, firstColumns, pass.Tokens, columns);
        AttentionPlaces seen = TokenPlaces.Causal(pass.States, pass.Tokens, _prefixColumns, columns, pass.Conventions);
        return _model.Decode(_model.Embed(ids), seen, _cache, cross);
    }

    /// <summary>Copies the columns of lanes that go on with another lane's text.</summary>
    private void FollowParents(int firstRow, int fromColumn)
    {
        var moves = new List<(int From, int To)>();
        int columns = 0;
        for (int row = firstRow; row < _rows.Count; row++)
        {
            TokenSearch search = _rows[row].Search;
            if (search.IsDone)
                continue;
            columns = Math.Max(columns, _prefixColumns + _rows[row].Present);
            for (int lane = 0; lane < _lanes; lane++)
            {
                if (search.Parents[lane] != lane)
                    moves.Add((row * _lanes + search.Parents[lane], row * _lanes + lane));
            }
        }
        if (moves.Count > 0)
            CopyLanes(moves, fromColumn, columns - fromColumn);
    }

    private void Move(List<(int From, int To)> slots)
    {
        using var scope = NewDisposeScope();
        var lanes = new List<(int From, int To)>();
        foreach ((int from, int to) in slots)
        {
            for (int lane = 0; lane < _lanes; lane++)
                lanes.Add((from * _lanes + lane, to * _lanes + lane));
        }
        // All columns, so that nothing of the row that lay there is left behind the new one's.
        CopyLanes(lanes, 0, _cache.Block.Columns);
        _sources?.Move([.. slots.Select(move => move.From)], [.. slots.Select(move => move.To)]);
    }

    private void CopyLanes(List<(int From, int To)> moves, int first, int count)
    {
        Tensor from = tensor(moves.ConvertAll(move => (long)move.From), device: _model.Device);
        Tensor to = tensor(moves.ConvertAll(move => (long)move.To), device: _model.Device);
        _cache.Block.CopyLanes(from, to, first, count);
    }

    /// <summary>One run of the decoder over lanes.</summary>
    /// <param name="Lanes">Where in the cache.</param>
    /// <param name="States">One a lane.</param>
    /// <param name="Tokens">New tokens of each lane.</param>
    /// <param name="Conventions">One a lane.</param>
    private readonly record struct Pass(LaneRange Lanes, RowState[] States, int Tokens, PrefixConvention[] Conventions);
}
