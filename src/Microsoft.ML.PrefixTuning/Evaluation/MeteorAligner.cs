using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// METEOR's alignment: which word of the output stands for which word of the reference. Among all sets of matches in
/// which a word is used once, a beam search from left to right looks for most exact matches, then fewest chunks, then
/// least distance.
/// </summary>
/// <remarks>
/// The rules are those of METEOR 1.5, with what its figures owe to the arithmetic of its search: only exact matches
/// count there
/// (less than a whole match is cut to none), and a path's distance also holds that of the matches tried before.
/// </remarks>
internal static class MeteorAligner
{
    private const int BeamWidth = 40;

    /// <summary>The match of each reference word, or null.</summary>
    public static MeteorMatch?[] Align(string[] output, string[] reference, MeteorOptions options)
    {
        List<MeteorMatch>[] matches = FindMatches(output, reference, options);
        MeteorMatch?[] certain = FindCertain(matches, output.Length);
        var start = new Path(new MeteorMatch?[reference.Length], new bool[output.Length]);
        foreach (MeteorMatch match in certain.OfType<MeteorMatch>())
            start.Used[match.Output] = true;
        return Search(start, matches, certain);
    }

    private static List<MeteorMatch>[] FindMatches(string[] output, string[] reference, MeteorOptions options)
    {
        var matches = new List<MeteorMatch>[reference.Length];
        for (int i = 0; i < matches.Length; i++)
            matches[i] = [];
        int[] words = Number(output, reference), stems = options.Stems
            ? Number(Array.ConvertAll(output, EnglishStemmer.Stem), Array.ConvertAll(reference, EnglishStemmer.Stem))
                : [];
        Add(matches, MeteorModule.Exact, output.Length, (i, j) => words[i] == words[j]);
        if (words.AsSpan(0, output.Length).SequenceEqual(words.AsSpan(output.Length)))
            return matches;
        if (options.Stems)
            Add(matches, MeteorModule.Stem, output.Length, (i, j) => stems[i] == stems[j] && words[i] != words[j]);
        if (options.Resources.Synonyms is { } synonyms)
        {
            int[][] senses = Array.ConvertAll([.. output, .. reference], synonyms.SensesOf);
            Add(matches, MeteorModule.Synonym, output.Length,
                (i, j) => words[i] != words[j] && senses[i].AsSpan().ContainsAny(senses[j]));
        }
        return matches;
    }

    // Equal words get equal numbers; those of the reference follow those of the output.
    private static int[] Number(string[] output, string[] reference) =>
        new NGramNumbers<string>(1).Count([.. output, .. reference]).Tokens;

    private static void Add(List<MeteorMatch>[] matches, MeteorModule module, int outputLength, Func<int, int,
        bool> isMatch)
    {
        for (int j = 0; j < matches.Length; j++)
        {
            for (int i = 0; i < outputLength; i++)
            {
                if (isMatch(i, outputLength + j))
                    matches[j].Add(new MeteorMatch(module, i, j));
            }
        }
    }

    // A match that is the only one of both its words.
    private static MeteorMatch?[] FindCertain(List<MeteorMatch>[] matches, int outputLength)
    {
        var uses = new int[outputLength];
        foreach (MeteorMatch match in matches.SelectMany(found => found))
            uses[match.Output]++;
        return [.. matches.Select(found => found is [var only] && uses[only.Output] == 1 ? only : null)];
    }

    private static MeteorMatch?[] Search(Path start, List<MeteorMatch>[] matches, MeteorMatch?[] certain)
    {
        List<Path> paths = [start];
        for (int current = 0; current < matches.Length; current++)
        {
            var next = new List<Path>();
            foreach (Path path in Best(paths))
            {
                if (certain[current] is { } match)
                {
                    path.Take(match);
                    path.Distance += match.Distance;
                    next.Add(path);
                    continue;
                }
                foreach (MeteorMatch possible in matches[current])
                {
                    if (path.Used[possible.Output])
                        continue;
                    var longer = new Path(path);
                    longer.Take(possible);
                    path.Distance += possible.Distance;
                    next.Add(longer);
                }
                path.Skip();
                next.Add(path);
            }
            paths = next;
        }
        List<Path> complete = Best(paths);
        foreach (Path path in complete)
            path.Skip();
        return Best(complete)[0].Matches;
    }

    // Of equal paths the one that was there first stays in front.
    private static List<Path> Best(List<Path> paths)
    {
        for (int i = 0; i < paths.Count; i++)
            paths[i].Rank = i;
        paths.Sort();
        return paths.Count <= BeamWidth ? paths : paths.GetRange(0, BeamWidth);
    }

    private sealed class Path(MeteorMatch?[] matches, bool[] used) : IComparable<Path>
    {
        private int _end = -1;

        public Path(Path path) : this([.. path.Matches], [.. path.Used])
        {
            (ExactMatches, Chunks, Distance, _end) = (path.ExactMatches, path.Chunks, path.Distance, path._end);
        }

        public MeteorMatch?[] Matches => matches;

        public bool[] Used => used;

        public int ExactMatches { get; private set; }

        public int Chunks { get; private set; }

        public int Distance { get; set; }

        public int Rank { get; set; }

        private (int, int, int, int) Order => (-ExactMatches, Chunks, Distance, Rank);

        public int CompareTo(Path? other) => other is null ? 1 : Order.CompareTo(other.Order);

        public void Take(MeteorMatch match)
        {
            matches[match.Reference] = match;
            used[match.Output] = true;
            ExactMatches += match.Module == MeteorModule.Exact ? 1 : 0;
            if (_end >= 0 && match.Output != _end)
                Chunks++;
            _end = match.Output + 1;
        }

        public void Skip()
        {
            if (_end >= 0)
                Chunks++;
            _end = -1;
        }
    }
}

/// <summary>How two words match.</summary>
internal enum MeteorModule
{
    /// <summary>They are equal.</summary>
    Exact,

    /// <summary>Their stems are equal.</summary>
    Stem,

    /// <summary>They share a sense.</summary>
    Synonym,
}

/// <summary>A word of the output that stands for a word of the reference.</summary>
/// <param name="Module">How they match.</param>
/// <param name="Output">Place in the output.</param>
/// <param name="Reference">Place in the reference.</param>
internal sealed record MeteorMatch(MeteorModule Module, int Output, int Reference)
{
    /// <summary>How far apart the two places are.</summary>
    public int Distance => Math.Abs(Output - Reference);
}
