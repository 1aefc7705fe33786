using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// METEOR's alignment: which word of the output stands for which word of the reference. Among all sets of matches in
/// which a word is used once, a beam search from left to right looks for most exact matches, then fewest chunks, then
/// least distance.
/// </summary>
/// <remarks>
/// The rules are those of METEOR 1.5, with what its figures owe to the arithmetic of its search: only exact matches
/// count there (less than a whole match is cut to none), and a path's distance also holds that of the matches tried
/// before. Only steps that may be kept are made one by one, so that a word which comes n times costs a path n / 64 and
/// not n.
/// </remarks>
internal static class MeteorAligner
{
    /// <summary>The match of each reference word, or null.</summary>
    /// <param name="output">Words of the output.</param>
    /// <param name="reference">Words of the reference.</param>
    /// <param name="resources">What else than equal words matches.</param>
    /// <param name="work">Takes what the search cost; null where nobody asks.</param>
    public static MeteorMatch?[] Align(string[] output, string[] reference, MeteorResources resources,
        MeteorWork? work = null)
    {
        work ??= new MeteorWork();
        MeteorCandidates candidates = MeteorCandidates.Find(output, reference, resources);
        IReadOnlyList<MeteorPath> paths = [MeteorPath.Start(output.Length, candidates.Certain)];
        var beam = new MeteorBeam();
        for (int place = 0; place < reference.Length; place++)
        {
            foreach (MeteorPath path in paths)
                Extend(path, place, candidates, beam, work);
            paths = beam.Take();
        }
        foreach (MeteorPath path in paths)
            beam.Offer(path.Skip(path.Distance));
        return beam.Take()[0].Matches(reference.Length);
    }

    private static void Extend(MeteorPath path, int reference, MeteorCandidates candidates, MeteorBeam beam,
        MeteorWork work)
    {
        work.Steps++;
        if (candidates.Certain[reference] is { } certain)
        {
            beam.Offer(path.Follow(certain, path.Distance + certain.Distance));
            return;
        }
        long distance = path.Distance;
        foreach ((MeteorModule module, PlaceSet places) in candidates[reference])
        {
            int offered = 0;
            foreach (PlaceBlock block in places.BlockSpan)
            {
                work.Blocks++;
                PlaceBlock free = path.Unused(block);
                // Of the steps by one module, those that go on with a chunk aside, an earlier one is never worse.
                if (offered >= MeteorBeam.Width && !free.Contains(path.End))
                {
                    distance += free.DistanceTo(reference);
                    continue;
                }
                // Not as a sequence, which would be an object a block.
                for (; free.Bits != 0; free = free.WithoutFirst())
                {
                    var match = new MeteorMatch(module, free.First, reference);
                    work.Steps++;
                    beam.Offer(path.Follow(match, distance));
                    distance += match.Distance;
                    offered++;
                }
            }
        }
        beam.Offer(path.Skip(distance));
    }
}

/// <summary>What a search cost, counted: time follows from it, whatever the machine.</summary>
internal sealed class MeteorWork
{
    /// <summary>Steps that were made one by one.</summary>
    public long Steps { get; set; }

    /// <summary>Blocks of places that were looked at.</summary>
    public long Blocks { get; set; }
}
