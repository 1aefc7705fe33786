using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>How probable the tokens of a row's texts were, lane by lane, as they are written.</summary>
/// <param name="top">Most probable tokens that are kept beside each.</param>
/// <param name="lanes">Lanes of the row.</param>
internal sealed class TokenRecord(int top, int lanes)
{
    private readonly List<RecordedToken>[] _tokens = Make(lanes);

    /// <summary>Most probable tokens that are kept beside each.</summary>
    public int Top => top;

    /// <summary>The tokens of a lane.</summary>
    public IReadOnlyList<RecordedToken> this[int lane] => _tokens[lane];

    /// <summary>Adds the next token of a lane.</summary>
    public void Add(int lane, RecordedToken token) => _tokens[lane].Add(token);

    private static List<RecordedToken>[] Make(int lanes)
    {
        var made = new List<RecordedToken>[lanes];
        for (int lane = 0; lane < lanes; lane++)
            made[lane] = [];
        return made;
    }
}

/// <summary>A token that was written.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Natural logarithm of the model's probability, before any option changes it.</param>
/// <param name="Top">The most probable tokens in its place, best first.</param>
internal sealed record RecordedToken(int Id, float LogProbability, (int Id, float LogProbability)[] Top);
