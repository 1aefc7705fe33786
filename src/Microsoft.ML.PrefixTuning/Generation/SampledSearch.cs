using System;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>Draws every token from the distribution; each lane is a text of its own.</summary>
internal sealed class SampledSearch : TokenSearch
{
    private readonly GenerationRules _rules;
    private readonly TokenConstraints _constraints;
    private readonly TokenSampler _sampler;
    private readonly Lane[] _lanes;

    /// <summary>One lane a stream of draws.</summary>
    public SampledSearch(GenerationRules rules, SamplingDecoding decoding, TokenConstraints constraints,
        TokenDraws[] draws,
        WrittenText text) : base(draws.Length)
    {
        (_rules, _constraints) = (rules, constraints);
        _sampler = new TokenSampler(decoding);
        _lanes = Array.ConvertAll(draws, own => new Lane(own, text.Copy()));
    }

    public override bool IsDone => Array.TrueForAll(_lanes, lane => lane.IsDone);

    public override WrittenText? TextOf(int lane) => _lanes[lane].Text;

    public override void Advance(TokenScores scores)
    {
        // At the start all lanes draw from one and the same distribution.
        bool shared = scores.Count < _lanes.Length;
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            Parents[lane] = shared ? 0 : lane;
            if (_lanes[lane].IsDone)
                continue;
            Span<float> own = scores[Parents[lane]];
            if (Parents[lane] == lane)
            {
                _constraints.Apply(_lanes[lane].Text, own);
                _sampler.Shape(own);
            }
            Tokens[lane] = Continue(_lanes[lane], own);
        }
    }

    public override GeneratedSequence[] Results() =>
        [.. _lanes.Select(lane => new GeneratedSequence(lane.Text.NewIds(), lane.Sum, lane.Ended))];

    private int Continue(Lane lane, ReadOnlySpan<float> probabilities)
    {
        (int token, double logProbability) = TokenSampler.Draw(probabilities, lane.Draws.At(lane.Text.NewCount));
        if (token < 0)
        {
            lane.Stuck = true;   // everything is banned
            return 0;
        }
        lane.Text.Add(token);
        lane.Sum += logProbability;
        lane.Ended = lane.Text.Ends(_rules);
        return token;
    }

    private sealed class Lane(TokenDraws draws, WrittenText text)
    {
        public TokenDraws Draws { get; } = draws;

        public WrittenText Text { get; } = text;

        public double Sum { get; set; }

        public bool Ended { get; set; }

        public bool Stuck { get; set; }

        public bool IsDone => Ended || Stuck || Text.IsFull;
    }
}
