using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// What may come next, as changes to the scores of all tokens: pure functions, applied in the reference's order
/// (transformers' generation/utils.py, <c>_get_logits_processor</c>). A banned token's score is negative infinity.
/// </summary>
internal sealed class TokenConstraints
{
    private readonly GenerationRules _rules;
    private readonly int[] _suppressed;

    public TokenConstraints(GenerationRules rules)
    {
        _rules = rules;
        _suppressed = [.. rules.SuppressedIds.Except(rules.EndIds)];
    }

    /// <summary>Tokens that are never produced, whatever was written.</summary>
    public ReadOnlySpan<int> Suppressed => _suppressed;

    /// <summary>Whether nothing but <see cref="Suppressed"/> changes a score.</summary>
    public bool OnlySuppress => _rules is
    {
        RepetitionPenalty: 1, NoRepeatNGramSize: 0, BannedSequences.Count: 0, MinNewTokens: 0, ForcedFirstId: null,
        ForcedLastId: null,
    };

    /// <summary>Changes the scores of a text's next token.</summary>
    /// <param name="text">What was written so far.</param>
    /// <param name="scores">[V], changed in place.</param>
    public void Apply(WrittenText text, Span<float> scores)
    {
        if (_rules.RepetitionPenalty != 1)
            Penalise(text.Ids, (float)_rules.RepetitionPenalty, scores);
        if (_rules.NoRepeatNGramSize > 0)
            BanRepeats(text.Ids, _rules.NoRepeatNGramSize, scores);
        foreach (int[] banned in _rules.BannedSequences)
            BanCompletion(text.Ids, banned, scores);
        if (text.NewCount < _rules.MinNewTokens)
            Ban(_rules.EndIds, scores);
        foreach (int id in _suppressed)
            scores[id] = float.NegativeInfinity;
        if (text.NewCount == 0 && _rules.ForcedFirstId is { } first)
            Force(first, scores);
        if (text.NewCount == text.Limit - 1 && _rules.ForcedLastId is { } last)
            Force(last, scores);
    }

    /// <summary>Makes tokens that were there less probable (Keskar et al. 2019, §4.1), each once.</summary>
    internal static void Penalise(IReadOnlyList<int> ids, float penalty, Span<float> scores)
    {
        var seen = new HashSet<int>();
        foreach (int id in ids)
        {
            if (seen.Add(id))
                scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
        }
    }

    /// <summary>
    /// Bans every token that would complete a sequence of <paramref name="size"/> tokens a second time.
    /// </summary>
    internal static void BanRepeats(IReadOnlyList<int> ids, int size, Span<float> scores)
    {
        int last = ids.Count - size + 1;   // where the sequence that the next token completes begins
        for (int start = 0; start < last; start++)
        {
            int same = 0;
            while (same < size - 1 && ids[start + same] == ids[last + same])
                same++;
            if (same == size - 1)
                scores[ids[start + size - 1]] = float.NegativeInfinity;
        }
    }

    /// <summary>Bans the last token of a sequence whose other tokens were just written.</summary>
    internal static void BanCompletion(IReadOnlyList<int> ids, int[] banned, Span<float> scores)
    {
        int before = banned.Length - 1, start = ids.Count - before;
        if (start < 0)
            return;
        for (int i = 0; i < before; i++)
        {
            if (ids[start + i] != banned[i])
                return;
        }
        scores[banned[before]] = float.NegativeInfinity;
    }

    private static void Ban(IReadOnlyList<int> ids, Span<float> scores)
    {
        foreach (int id in ids)
            scores[id] = float.NegativeInfinity;
    }

    private static void Force(int id, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        scores[id] = 0;
    }
}
