using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Beam search as transformers does it (generation/utils.py, <c>_beam_search</c>): of all continuations the best
/// 2 x width are kept; those that end count only among the first width; the best width of the others go on.
/// </summary>
internal sealed class BeamSearch : TokenSearch
{
    private readonly GenerationRules _rules;
    private readonly BeamDecoding _decoding;
    private readonly TokenConstraints _constraints;
    private readonly List<GeneratedSequence> _finished = [];
    private readonly BestContinuations _best;
    private Beam[] _running;
    private bool _isDone;

    public BeamSearch(GenerationRules rules, BeamDecoding decoding, TokenConstraints constraints, WrittenText text)
        : base(decoding.Width)
    {
        (_rules, _decoding, _constraints) = (rules, decoding, constraints);
        // With several end tokens, as many more candidates that at least width of them can go on.
        _best = new BestContinuations(Math.Max(2, 1 + rules.EndIds.Count) * decoding.Width);
        _running = [new Beam(text, 0)];
    }

    public override bool IsDone => _isDone;

    public override bool WantsLogProbabilities => true;

    public override void Advance(TokenScores scores)
    {
        _best.Clear();
        for (int lane = 0; lane < _running.Length; lane++)
        {
            Span<float> own = scores[lane];
            _constraints.Apply(_running[lane].Text, own);
            _best.Offer(lane, own, _running[lane].Sum);
        }
        var next = new List<Beam>(_decoding.Width);
        for (int rank = 0; rank < _best.Count; rank++)
        {
            (int lane, int token, double sum) = _best[rank];
            WrittenText text = _running[lane].Text.Copy();
            text.Add(token);
            bool ends = text.Ends(_rules);
            if (ends || text.IsFull)
            {
                if (rank < _decoding.Width)
                    Finish(text, sum, ends);
            }
            else if (next.Count < _decoding.Width)
            {
                (Parents[next.Count], Tokens[next.Count]) = (lane, token);
                next.Add(new Beam(text, sum));
            }
        }
        if (next.Count == 0 && _finished.Count == 0)
            Finish(_running[0].Text, _running[0].Sum, ends: false);   // everything is banned
        // A lane too many (bans left fewer continuations) repeats the first one; its scores are not looked at.
        for (int lane = next.Count; lane < _decoding.Width && next.Count > 0; lane++)
            (Parents[lane], Tokens[lane]) = (Parents[0], Tokens[0]);
        _running = [.. next];
        _isDone = _running.Length == 0
            || (_finished.Count == _decoding.Width && (_decoding.EarlyStopping || !CanImprove()));
    }

    // Where forced or banned tokens leave fewer texts than are asked for, the last one stands for the missing ones.
    public override GeneratedSequence[] Results() => [.. Enumerable.Range(0, _rules.SequenceCount)
        .Select(rank => _finished[Math.Min(rank, _finished.Count - 1)])];

    private void Finish(WrittenText text, double sum, bool ends)
    {
        var sequence = new GeneratedSequence(text.NewIds(), Score(sum, text.NewCount), ends);
        int place = _finished.FindIndex(other => other.Score < sequence.Score);
        _finished.Insert(place < 0 ? _finished.Count : place, sequence);
        if (_finished.Count > _decoding.Width)
            _finished.RemoveAt(_decoding.Width);
    }

    /// <summary>Whether the best running text, ended now, would be above the worst finished one.</summary>
    private bool CanImprove() => Score(_running[0].Sum, _running[0].Text.NewCount) > _finished[^1].Score;

    private double Score(double sum, int length) => sum / Math.Pow(Math.Max(length, 1), _decoding.LengthPenalty);

    /// <summary>A text that goes on, and the sum of its log-probabilities.</summary>
    private sealed record Beam(WrittenText Text, double Sum);
}
