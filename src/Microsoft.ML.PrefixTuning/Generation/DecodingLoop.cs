using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The one loop that writes: rows of any prefixes, lengths and rules enter, are read in pieces, go on token by token
/// together and leave when they are done, each between two tokens of the others. Owns the caches, not the model.
/// </summary>
/// <remarks>
/// Rows that are written fill the first lanes of the cache, rows that are read those behind. All that is read at once
/// has the same number of lanes a row. A row that comes by itself and takes several passes holds up none behind it:
/// rows that one pass reads enter between its pieces, taking turns with them. It has the last lanes until it is read,
/// so that it need not move for those that enter and leave in front of it.
/// </remarks>
internal sealed class DecodingLoop : IDecodingLoop
{
    private readonly LanguageModel _model;
    private readonly StepForm _form;
    private readonly KeyValueCache _cache;
    private readonly SourceCache? _sources;
    private readonly NextTokens _choice;
    private Queue<ActiveRow> _alone = [];
    private List<ActiveRow> _rows = [];
    private DecodingLimits _limits = new(1);
    private ActiveRow? _long;
    private int _written;
    private int _part;
    private int _longPart;
    private bool _isLongDue;
    private bool _isStepDue;

    /// <param name="model">The model; stays the caller's.</param>
    /// <param name="lanes">Rows at once at most, a beam or draw as one: decides how products are made.</param>
    public DecodingLoop(LanguageModel model, int lanes)
        : this(model, StepChoice.Of(lanes))
    {
    }

    /// <param name="model">The model; stays the caller's.</param>
    /// <param name="form">How the products of single tokens are made, of a base in bfloat16.</param>
    public DecodingLoop(LanguageModel model, StepForm form)
    {
        (_model, _form) = (model, form);
        _cache = new KeyValueCache(model.Spec.Decoder, model.Type, model.Device);
        _sources = model.Spec.IsEncoderDecoder ? new SourceCache(model.Spec.Decoder, model.StepType, model.Device)
            : null;
        _choice = new NextTokens(model.Device);
    }

    public int Count => _rows.Count + _alone.Count;

    /// <summary>Tokens that there is memory for.</summary>
    public long CachedTokens => (long)_cache.Block.Lanes * _cache.Block.Columns
        + (_sources is null ? 0 : (long)_sources.Block.Lanes * _sources.Block.Columns);

    private int Lanes => _rows.Sum(row => row.Lanes);

    // Made by the first token that is written.
    private LanguageModel Steps => _model.ForSteps(_form);

    /// <summary>Rows that are read together, without the long one.</summary>
    private int Entering => _rows.Count - _written - (_long is null ? 0 : 1);

    public void Open(DecodingLimits limits, IReadOnlyList<ActiveRow> rows)
    {
        (_limits, _written, _isStepDue, _long) = (limits, 0, false, null);
        _rows.Clear();
        _alone.Clear();
        if (rows.Count == 0)
            return;
        int lanes = Math.Max(limits.Lanes, rows[0].Lanes);
        _cache.Block.Open(lanes, rows.Max(row => row.Columns));
        _sources?.Open(lanes / rows[0].Lanes, rows.Max(row => row.SourceColumns));
    }

    /// <summary>One pass: reads a piece of the rows that enter, or goes on by a token with all others.</summary>
    public void Advance(Queue<ActiveRow> waiting)
    {
        _isStepDue &= _written > 0;
        bool mayEnter = Entering == 0 && !_isStepDue && !(_long is not null && _isLongDue);
        bool enters = mayEnter && Admit(_alone.Count > 0 ? _alone : waiting, _alone.Count > 0 ? 1 : int.MaxValue);
        bool reads = _written < _rows.Count && !_isStepDue;
        using var scope = NewDisposeScope();
        if (reads)
            ReadOrFail(enters);
        else if (_written > 0)
            Step();
        // Who waits for a long prompt, or comes while others are written, lets them have a token in between.
        _isStepDue = reads && (_limits.IsOpen || _written < _rows.Count);
    }

    /// <summary>Takes rows out; others move into their lanes.</summary>
    public IReadOnlyList<ActiveRow> TakeOut(Predicate<ActiveRow> leaves)
    {
        List<ActiveRow> leaving = [.. _rows.FindAll(leaves), .. _alone.Where(row => leaves(row))];
        if (leaving.Count == 0)
            return leaving;
        if (_alone.Count > 0)
            _alone = new Queue<ActiveRow>(_alone.Where(row => !leaves(row)));
        List<ActiveRow> written = _rows[.._written], reading = _rows[_written..];
        // The last row of as many lanes fills the gap, so that no other one has to move.
        for (int gap = 0; gap < written.Count; gap++)
        {
            if (!leaves(written[gap]))
                continue;
            int last = written.FindLastIndex(row => !leaves(row) && row.Lanes == written[gap].Lanes);
            if (last > gap)
                (written[gap], written[last]) = (written[last], written[gap]);
        }
        written.RemoveAll(leaves);
        reading.RemoveAll(leaves);
        List<ActiveRow> slots = _rows;
        (_rows, _written) = ([.. written, .. reading], written.Count);
        if (_long is not null && leaves(_long))
            _long = null;
        Move(slots);
        return leaving;
    }

    public void Dispose()
    {
        _cache.Dispose();
        _sources?.Dispose();
        _choice.Dispose();
    }

    /// <summary>Takes as many waiting rows as there is room for and one pass reads.</summary>
    /// <returns>Whether there are any.</returns>
    private bool Admit(Queue<ActiveRow> waiting, int most)
    {
        var rows = new List<ActiveRow>();
        int longest = 0, lanes = Lanes;
        while (rows.Count < most && waiting.TryPeek(out ActiveRow? next))
        {
            longest = Math.Max(longest, next.Prompt.Source.Length);
            bool isAlike = rows.Count == 0 ? _long is null || !IsLong(next) : next.Lanes == rows[0].Lanes
                && ReadingPass.Holds(rows.Count + 1, longest, _limits.PassTokens);
            if (!isAlike || !HasRoom(rows, next, lanes))
                break;
            rows.Add(waiting.Dequeue());
            lanes += next.Lanes;
        }
        if (rows.Count > 0)
            Enter(rows);
        return rows.Count > 0;
    }

    /// <summary>Whether a row that comes one by one is read in several passes.</summary>
    private bool IsLong(ActiveRow row) => _limits.IsOpen && Part([row]) < row.Opening.Length;

    /// <summary>Tokens of each row that a pass reads at most.</summary>
    private int Part(List<ActiveRow> rows)
    {
        int longest = rows.Max(row => row.Opening.Length);
        return ReadingPass.Tokens(rows.Count, longest, rows.Max(row => row.PrefixLength),
            _model.Spec.Decoder.Heads.Group, _limits.PieceOf(longest));
    }

    private bool HasRoom(List<ActiveRow> entering, ActiveRow next, int lanes)
    {
        if (_rows.Count + entering.Count == 0)
            return true;
        // One row's reading pays for itself where it need not wait for more; else a few are read together.
        int free = _limits.Lanes - Lanes, worth = _limits.IsOpen ? 1 : Math.Max(1, _limits.Lanes / 4);
        if (lanes + next.Lanes > _limits.Lanes || free < worth)
            return false;
        IEnumerable<ActiveRow> all = _rows.Concat(entering).Append(next);
        return ActiveRow.TokensOf(all) <= _limits.Tokens;
    }

    /// <summary>Gives rows their lanes behind the others, in front of the long one.</summary>
    private void Enter(List<ActiveRow> rows)
    {
        // Those that are read first lie first. Beside an encoder all are, and those of one prefix are encoded together.
        IEnumerable<ActiveRow> ordered = _sources is null ? rows.OrderBy(row => row.Opening.Length)
            : rows.GroupBy(row => row.Prompt.Prefix).SelectMany(group => group);
        int at = _written, lane = _rows[..at].Sum(row => row.Lanes), part = Part(rows);
        foreach (ActiveRow row in ordered)
        {
            // Each pass of several would have to put the prefix in front of all that was read before.
            bool holdsPrefix = !_cache.SharesPrefixes || part < row.Opening.Length;
            (row.Lane, row.Present, row.HoldsPrefix) = (lane, 0, holdsPrefix);
            _rows.Insert(at++, row);
            lane += row.Lanes;
        }
        if (rows.Count == 1 && IsLong(rows[0]))
            (_long, _longPart, _isLongDue) = (rows[0], part, true);
        else
            _part = part;
    }

    /// <summary>Reads a piece; where several rows fail together, each is read alone afterwards.</summary>
    /// <param name="enters">Whether it is the first of its rows.</param>
    private void ReadOrFail(bool enters)
    {
        bool isLong = Entering == 0;
        ActiveRow[] reading = isLong ? [_long!] : [.. _rows[_written..(_written + Entering)]];
        try
        {
            // Where what others hold had to be moved, they have their token before anything is read.
            if (enters && Prepare(reading) && _limits.IsOpen && _written > 0)
                return;
            ReadPiece(reading, isLong ? _longPart : _part);
            _isLongDue = !isLong;
        }
        catch (Exception fault)
        {
            bool isAlone = reading.Length == 1;
            foreach (ActiveRow row in reading)
            {
                if (isAlone || row.Present == row.Opening.Length)
                {
                    row.Fault = fault;
                    continue;
                }
                _rows.Remove(row);
                _alone.Enqueue(row);
            }
        }
    }

    /// <summary>Runs the next piece of the openings that are read, and chooses the first tokens of those at their end.
    /// </summary>
    /// <param name="rows">The rows, which stand behind those that are written.</param>
    /// <param name="most">Tokens of each at most.</param>
    private void ReadPiece(ActiveRow[] rows, int most)
    {
        using var scope = NewDisposeScope();
        int part = ReadingPass.Next(rows.Max(row => row.Opening.Length - row.Present), most);
        TokenRows read = TokenRows.Pad(Array.ConvertAll(rows,
            row => row.Opening[row.Present..Math.Min(row.Present + part, row.Opening.Length)]), _model.Device);
        var pass = new LanePass(new LaneRange(rows[0].Lane, rows.Length, rows[0].Lanes), rows, read.Lengths);
        // Beside an encoder all openings are one token.
        Tensor hidden = pass.Run(_sources is null ? _model : Steps, _cache, read.Ids,
            _sources?.See(_written, [.. Enumerable.Repeat(1, rows.Length)]));                       // [B, L, E]
        for (int row = 0; row < rows.Length; row++)
            rows[row].Present += read.Lengths[row];
        ActiveRow[] ended = Array.FindAll(rows, row => row.Present == row.Opening.Length);
        if (ended.Length == 0)
            return;
        Tensor last = stack(
            ended.Select((_, row) => hidden.select(Axis.Row, row).narrow(0, read.Lengths[row] - 1, 1))); // [n, 1, E]
        _choice.Choose(Logits(Steps, last.to(_model.StepType)), ended, isFirst: true);
        if (_long is { } whole && whole == ended[0])
        {
            MoveLanes(whole, Lanes - whole.Lanes);
            _long = null;
        }
        FollowParents(ended, fromColumn: 0);
        _written += ended.Length;
    }

    /// <summary>Makes room for rows, with their prefixes and sources in it.</summary>
    /// <returns>Whether what other rows hold was taken to other places, which takes its time.</returns>
    private bool Prepare(ActiveRow[] rows)
    {
        bool areOthers = rows.Length < _rows.Count, isMoved = false;
        ActiveRow? held = rows[0] == _long ? null : _long;
        (int, int) size = (_cache.Block.Lanes, _cache.Block.Columns);
        int lanes = Lanes, slots = _rows.Count, sources = _rows.Max(row => row.SourceColumns);
        if (_limits.IsOpen)
        {
            int columns = _rows.Max(row => row.Columns);
            // Nothing is held: what a former row needed and these do not is given back.
            if (!areOthers)
                _cache.Block.Open(0, columns);
            // A block that is made anew may have no more lanes than are needed.
            if (held is not null && (lanes > _cache.Block.Lanes || columns > _cache.Block.Columns
                || CachedTokens > _limits.Tokens))
            {
                isMoved = MoveLanes(held, Math.Min(held.Lane, lanes - held.Lanes));
            }
            _cache.Block.Ensure(lanes, columns, _limits.Tokens - (long)slots * sources);
            _sources?.Ensure(slots, sources, most: 0);
            if (CachedTokens > _limits.Tokens)
            {
                // What former rows left would be too much beside what these need.
                _cache.Block.Resize(lanes, columns);
                _sources?.Block.Resize(slots, sources);
            }
        }
        // One more, for the padding of rows whose neighbours have more tokens.
        _cache.Block.Ensure(rows.Max(row => row.OpeningColumns) + 1, rows.Sum(row => row.Lanes));
        isMoved |= areOthers && size != (_cache.Block.Lanes, _cache.Block.Columns);
        if (held is not null && held.Lane < lanes - held.Lanes)
            isMoved |= MoveLanes(held, _cache.Block.Lanes - held.Lanes);
        else if (held is null && _long is not null)
            _long.Lane = _cache.Block.Lanes - _long.Lanes;
        _cache.Block.Clear(rows[0].Lane, rows.Sum(row => row.Lanes));
        foreach (ActiveRow row in rows.Where(row => row.HoldsPrefix && row.PrefixLength > 0))
            _cache.Block.Fill(row.Lane, row.Prefix.Values[AttentionSite.Decoder]);
        if (_sources is not null)
            Encode(rows);
        return isMoved;
    }

    /// <summary>Takes what the cache holds of a row to other lanes.</summary>
    /// <returns>Whether it was in others.</returns>
    private bool MoveLanes(ActiveRow row, int lane)
    {
        if (row.Lane == lane)
            return false;
        using var scope = NewDisposeScope();
        CopyLanes([.. Enumerable.Range(0, row.Lanes).Select(own => (row.Lane + own, lane + own))], fromColumn: 0);
        row.Lane = lane;
        return true;
    }

    private void Encode(ActiveRow[] rows)
    {
        int slot = _written;
        foreach (IGrouping<PrefixTensors?, ActiveRow> group in rows.GroupBy(row => row.Prompt.Prefix))
        {
            int[][] sources = [.. group.Select(row => row.Prompt.Source)];
            _sources!.Write(slot,
                EncodedSource.Make(_model, TokenRows.Pad(sources, _model.Device), group.First().Prefix));
            slot += sources.Length;
        }
    }

    /// <summary>Runs the last chosen tokens of all rows that are written and chooses the next ones.</summary>
    private void Step()
    {
        ActiveRow[] rows = [.. _rows[.._written]];
        ActiveRow[] ofLanes = [.. rows.SelectMany(row => Enumerable.Repeat(row, row.Lanes))];
        long[] ids = [.. rows.SelectMany(row => row.Search.Tokens).Select(id => (long)id)];
        var pass = new LanePass(new LaneRange(0, ofLanes.Length, 1), ofLanes, Array.ConvertAll(ofLanes, _ => 1));
        Tensor next = tensor(ids, [ids.Length, 1], device: _model.Device);
        LanguageModel model = Steps;
        Tensor hidden = pass.Run(model, _cache, next,
            _sources?.See(0, Array.ConvertAll(rows, row => row.Lanes)));                             // [B, 1, E]
        foreach (ActiveRow row in rows)
            row.Present++;
        _choice.Choose(Logits(model, hidden), rows, isFirst: false);
        FollowParents(rows, rows.Min(row => row.OpeningColumns));
    }

    // The last token's, as one token a row also where it is that of a longer piece: their sums do not depend on how
    // many there are. [n, 1, E] becomes [n, V].
    private static Tensor Logits(LanguageModel model, Tensor last) => model.Logits(last).select(Axis.Token, 0);

    /// <summary>Copies the columns of lanes that go on with another lane's text.</summary>
    private void FollowParents(ActiveRow[] rows, int fromColumn)
    {
        var moves = new List<(int From, int To)>();
        foreach (ActiveRow row in rows.Where(row => !row.IsOver))
        {
            for (int lane = 0; lane < row.Lanes; lane++)
            {
                if (row.Search.Parents[lane] != lane)
                    moves.Add((row.Lane + row.Search.Parents[lane], row.Lane + lane));
            }
        }
        if (moves.Count > 0)
            CopyLanes(moves, fromColumn);
    }

    /// <summary>Takes what the caches hold of the rows to the lanes and slots where they stand now.</summary>
    /// <param name="former">The rows as they stood before.</param>
    private void Move(List<ActiveRow> former)
    {
        using var scope = NewDisposeScope();
        var lanes = new List<(int From, int To)>();
        var slots = new List<(int From, int To)>();
        int next = 0;
        for (int slot = 0; slot < _rows.Count; slot++)
        {
            ActiveRow row = _rows[slot];
            // Behind gaps, until it is read.
            if (row == _long)
                continue;
            if (row.Lane != next)
                lanes.AddRange(Enumerable.Range(0, row.Lanes).Select(lane => (row.Lane + lane, next + lane)));
            int from = former.IndexOf(row);
            if (from != slot)
                slots.Add((from, slot));
            row.Lane = next;
            next += row.Lanes;
        }
        if (lanes.Count > 0)
            CopyLanes(lanes, fromColumn: 0);
        if (slots.Count > 0)
            _sources?.Move([.. slots.Select(move => move.From)], [.. slots.Select(move => move.To)]);
    }

    private void CopyLanes(List<(int From, int To)> moves, int fromColumn) => _cache.Block.CopyLanes(
        [.. moves.Select(move => move.From)], [.. moves.Select(move => move.To)], fromColumn);
}
