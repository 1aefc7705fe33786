using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>A text on its way: prompt and new ids. Rules look at both, results are the new ones.</summary>
internal sealed class WrittenText
{
    private readonly List<int> _ids;
    private readonly int _promptCount;

    /// <summary>A text of which nothing is written yet.</summary>
    /// <param name="prompt">What stands before the first new token (encoder-decoder: the start token).</param>
    /// <param name="limit">New tokens it has at most.</param>
    public WrittenText(IReadOnlyList<int> prompt, int limit)
    {
        _ids = [.. prompt];
        (_promptCount, Limit) = (prompt.Count, limit);
    }

    private WrittenText(WrittenText other)
    {
        _ids = [.. other._ids];
        (_promptCount, Limit) = (other._promptCount, other.Limit);
    }

    /// <summary>Prompt and new ids.</summary>
    public IReadOnlyList<int> Ids => _ids;

    public int NewCount => _ids.Count - _promptCount;

    /// <summary>New tokens it has at most.</summary>
    public int Limit { get; }

    public bool IsFull => NewCount >= Limit;

    /// <summary>A new id.</summary>
    public int NewAt(int place) => _ids[_promptCount + place];

    /// <summary>The new ids, as a copy.</summary>
    public int[] NewIds() => [.. _ids[_promptCount..]];

    public void Add(int id) => _ids.Add(id);

    /// <summary>The same text, to go on with apart.</summary>
    public WrittenText Copy() => new(this);

    /// <summary>Whether an end token or the stop condition has just ended it.</summary>
    public bool Ends(GenerationRules rules)
    {
        for (int i = 0; i < rules.EndIds.Count; i++)
        {
            if (rules.EndIds[i] == _ids[^1])
                return true;
        }
        return rules.Stops is not null && rules.Stops(NewIds());
    }
}
