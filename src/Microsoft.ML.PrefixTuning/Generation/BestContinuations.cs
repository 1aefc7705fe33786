using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>The best few of many offered continuations, best first; banned ones are never among them.</summary>
/// <param name="capacity">How many are kept.</param>
internal sealed class BestContinuations(int capacity)
{
    private readonly List<(int Lane, int Token, double Sum)> _best = new(capacity + 1);

    public int Count => _best.Count;

    public (int Lane, int Token, double Sum) this[int rank] => _best[rank];

    public void Clear() => _best.Clear();

    /// <summary>Offers all tokens of a lane.</summary>
    /// <param name="lane">The lane.</param>
    /// <param name="scores">[V], log-probabilities.</param>
    /// <param name="sum">What the lane's text has already.</param>
    public void Offer(int lane, ReadOnlySpan<float> scores, double sum)
    {
        float threshold = Threshold(sum);
        for (int token = 0; token < scores.Length; token++)
        {
            if (scores[token] >= threshold)
            {
                Insert((lane, token, sum + scores[token]));
                threshold = Threshold(sum);
            }
        }
    }

    /// <summary>
    /// What a score must reach; rounded, so that one which just does may be no better. Of equal ones the first stays.
    /// </summary>
    private float Threshold(double sum) =>
        _best.Count < capacity ? float.MinValue : (float)(_best[^1].Sum - sum);

    private void Insert((int Lane, int Token, double Sum) continuation)
    {
        int place = _best.Count;
        while (place > 0 && _best[place - 1].Sum < continuation.Sum)
            place--;
        _best.Insert(place, continuation);
        if (_best.Count > capacity)
            _best.RemoveAt(capacity);
    }
}
