using System;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Edits of a translation edit rate: shifts as long as they lower the edit distance, then the edit distance.
/// </summary>
/// <remarks>
/// Finding the fewest is hard; the rules, limits and ties here are those of sacreBLEU 2.6.0 (<c>lib_ter.py</c>), which
/// follows
/// Tercom. Its cache is replaced by what all shifts of one output share: the rows of the words in front of the shift.
/// </remarks>
internal sealed class TerEdits
{
    private const int MaxShiftSize = 10;
    private const int MaxShiftDistance = 50;
    private const int MaxCandidates = 1000;

    private readonly int[] _reference;
    private int[] _output;
    private EditDistance _distance;
    private int _candidates;

    private TerEdits(int[] output, int[] reference)
    {
        _output = output;
        _reference = reference;
        _distance = new EditDistance(output, reference);
    }

    /// <summary>Edits that turn the output into the reference, words given by number.</summary>
    public static int Count(int[] output, int[] reference)
    {
        if (reference.Length == 0)
            return output.Length;
        var edits = new TerEdits(output, reference);
        int shifts = 0;
        while (edits.TryShift())
            shifts++;
        return shifts + edits._distance.Value;
    }

    private bool TryShift()
    {
        Shift? best = FindShift();
        if (best is not { Gain: > 0 } || _candidates >= MaxCandidates)
            return false;
        _output = Apply(best);
        _distance = new EditDistance(_output, _reference);
        return true;
    }

    private Shift? FindShift()
    {
        Alignment alignment = _distance.Align();
        Shift? best = null;
        for (int start = 0; start < _output.Length; start++)
        {
            int last = Math.Min(_reference.Length - 1, start + MaxShiftDistance);
            for (int target = Math.Max(0, start - MaxShiftDistance); target <= last; target++)
            {
                int longest = Math.Min(MaxShiftSize, Math.Min(_output.Length - start, _reference.Length - target));
                for (int length = 1; length <= longest; length++)
                {
                    if (_output[start + length - 1] != _reference[target + length - 1])
                        break;
                    if (IsWorthwhile(alignment, start, target, length))
                        best = Better(best, alignment, start, target, length);
                    if (_candidates >= MaxCandidates)
                        return best;
                }
            }
        }
        return best;
    }

    // Words are moved where they are wrong, to where something else is wrong, and not within themselves.
    private static bool IsWorthwhile(Alignment alignment, int start, int target, int length) =>
        alignment.OutputErrors.AsSpan(start, length).Contains(true)
        && alignment.ReferenceErrors.AsSpan(target, length).Contains(true)
        && (alignment.Positions[target] < start || alignment.Positions[target] >= start + length);

    private Shift? Better(Shift? best, Alignment alignment, int start, int target, int length)
    {
        int previous = -1;
        for (int offset = -1; offset < length && target + offset < _reference.Length; offset++)
        {
            int place = target + offset < 0 ? 0 : alignment.Positions[target + offset] + 1;
            if (place == previous)
                continue;
            previous = place;
            var shift = new Shift(0, length, start, place);
            shift = shift with { Gain = _distance.Value - _distance.ValueOf(Apply(shift)) };
            _candidates++;
            if (best is null || shift.CompareTo(best) > 0)
                best = shift;
        }
        return best;
    }

    private int[] Apply(Shift shift)
    {
        (int start, int end, int place) = (shift.Start, shift.Start + shift.Length, shift.Place);
        if (place < start)
            return [.. _output[..place], .. _output[start..end], .. _output[place..start], .. _output[end..]];
        // A place within the moved words counts from their end.
        int behind = Math.Min(place > end ? place : end + place - start, _output.Length);
        return [.. _output[..start], .. _output[end..behind], .. _output[start..end], .. _output[behind..]];
    }

    /// <summary>
    /// A move of words, better ones later: more gained, longer, from further in front, to further in front.
    /// </summary>
    private sealed record Shift(int Gain, int Length, int Start, int Place) : IComparable<Shift>
    {
        public int CompareTo(Shift? other) => other is null ? 1
            : (Gain, Length, -Start, -Place).CompareTo((other.Gain, other.Length, -other.Start, -other.Place));
    }
}
