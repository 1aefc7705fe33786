using System;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>The most probable token, one after another.</summary>
internal sealed class GreedySearch(GenerationRules rules, TokenConstraints constraints, WrittenText text)
    : TokenSearch(1)
{
    private bool _ended;
    private bool _stuck;

    public override bool IsDone => _ended || _stuck || text.IsFull;

    public override WrittenText? TextOf(int lane) => text;

    public override void Advance(TokenScores scores)
    {
        Span<float> own = scores[0];
        constraints.Apply(text, own);
        int token = Largest(own);
        if (float.IsNegativeInfinity(own[token]))
            _stuck = true;   // everything is banned
        else
            Accept(token);
    }

    /// <summary>Goes on with a token that was chosen elsewhere.</summary>
    public void Accept(int token)
    {
        text.Add(token);
        Tokens[0] = token;
        _ended = text.Ends(rules);
    }

    public override GeneratedSequence[] Results() => [new(text.NewIds(), double.NaN, _ended)];

    /// <summary>The first place of the largest value.</summary>
    internal static int Largest(ReadOnlySpan<float> values) => RowKernels.Largest(values);
}
