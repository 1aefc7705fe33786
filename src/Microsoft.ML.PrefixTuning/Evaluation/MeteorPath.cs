using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>What METEOR's search has chosen for the words of the reference so far.</summary>
internal sealed class MeteorPath
{
    private readonly UsedPlaces _used;
    private readonly Link? _last;

    private MeteorPath(UsedPlaces used) => _used = used;

    /// <summary>Makes the path of a step.</summary>
    public MeteorPath(MeteorStep step)
    {
        MeteorPath path = step.From;
        (ExactMatches, Chunks, Distance) = (step.ExactMatches, step.Chunks, step.Distance);
        (_used, _last) = (path._used, path._last);
        if (step.Match is not { } match)
            return;
        _last = new Link(match, path._last);
        End = match.Output + 1;
        if (!path._used.Contains(match.Output))
            _used = path._used.With(match.Output);
    }

    /// <summary>Matches of equal words.</summary>
    public int ExactMatches { get; }

    /// <summary>
    /// Runs of matches that have ended, of those that are adjacent and in the same order in both texts.
    /// </summary>
    public int Chunks { get; }

    /// <summary>The distances of all matches that were tried.</summary>
    public long Distance { get; }

    /// <summary>The place in the output that goes on with the last chunk; -1 where none is open.</summary>
    public int End { get; } = -1;

    /// <summary>The path of no words.</summary>
    /// <param name="outputLength">Words of the output.</param>
    /// <param name="certain">Matches whose words are kept for them.</param>
    public static MeteorPath Start(int outputLength, IEnumerable<MeteorMatch?> certain)
    {
        UsedPlaces used = UsedPlaces.None(outputLength);
        foreach (MeteorMatch? match in certain)
        {
            if (match is { } kept)
                used = used.With(kept.Output);
        }
        return new MeteorPath(used);
    }

    /// <summary>The places of a block that are not used.</summary>
    public PlaceBlock Unused(PlaceBlock block) => _used.Without(block);

    /// <summary>A step that matches the next word of the reference.</summary>
    /// <param name="match">The match.</param>
    /// <param name="distance">The new path's.</param>
    public MeteorStep Follow(MeteorMatch match, long distance) =>
        new(this, match, ExactMatches + (match.Module == MeteorModule.Exact ? 1 : 0),
            Chunks + (End >= 0 && match.Output != End ? 1 : 0), distance);

    /// <summary>A step that leaves the next word of the reference without a match.</summary>
    /// <param name="distance">The new path's.</param>
    public MeteorStep Skip(long distance) => new(this, null, ExactMatches, Chunks + (End >= 0 ? 1 : 0), distance);

    /// <summary>The match of each reference word, or null.</summary>
    public MeteorMatch?[] Matches(int referenceLength)
    {
        var matches = new MeteorMatch?[referenceLength];
        for (Link? link = _last; link is not null; link = link.Previous)
            matches[link.Match.Reference] = link.Match;
        return matches;
    }

    private sealed record Link(MeteorMatch Match, Link? Previous);
}

/// <summary>A path and one choice more; it becomes a path of its own where it is among the best.</summary>
/// <param name="From">The path.</param>
/// <param name="Match">The match of the next word; null for none.</param>
/// <param name="ExactMatches">The new path's.</param>
/// <param name="Chunks">The new path's.</param>
/// <param name="Distance">The new path's.</param>
internal readonly record struct MeteorStep(
    MeteorPath From, MeteorMatch? Match, int ExactMatches, int Chunks, long Distance) : IComparable<MeteorStep>
{
    /// <summary>Better ones first: more exact matches, fewer chunks, less distance.</summary>
    public int CompareTo(MeteorStep other) =>
        ExactMatches != other.ExactMatches ? other.ExactMatches.CompareTo(ExactMatches)
        : Chunks != other.Chunks ? Chunks.CompareTo(other.Chunks) : Distance.CompareTo(other.Distance);
}

/// <summary>The best steps of those offered, best first; of equal ones, the one that was offered first.</summary>
internal sealed class MeteorBeam
{
    /// <summary>Steps that are kept.</summary>
    public const int Width = 40;

    private readonly MeteorStep[] _steps = new MeteorStep[Width];
    private int _count;

    /// <summary>Keeps a step that is among the best.</summary>
    public void Offer(in MeteorStep step)
    {
        if (_count == Width && step.CompareTo(_steps[^1]) >= 0)
            return;
        int place = _count < Width ? _count++ : Width - 1;
        for (; place > 0 && step.CompareTo(_steps[place - 1]) < 0; place--)
            _steps[place] = _steps[place - 1];
        _steps[place] = step;
    }

    /// <summary>Takes the best steps out, each as a path.</summary>
    public IReadOnlyList<MeteorPath> Take()
    {
        MeteorPath[] paths = Array.ConvertAll(_steps[.._count], step => new MeteorPath(step));
        _count = 0;
        return paths;
    }
}
