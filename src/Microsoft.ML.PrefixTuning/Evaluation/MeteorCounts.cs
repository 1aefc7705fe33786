using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>What METEOR is computed from. Counts of segments add up to those of a corpus.</summary>
internal sealed class MeteorCounts
{
    private const int Modules = 3;

    /// <summary>The counts of the output.</summary>
    public Side Output { get; } = new();

    /// <summary>The counts of the reference.</summary>
    public Side Reference { get; } = new();

    /// <summary>Matched words.</summary>
    public int Matches { get; private set; }

    /// <summary>Runs of matches that are adjacent and in the same order in both texts.</summary>
    public int Chunks { get; private set; }

    private bool IsPerfect => Matches == Output.Words && Matches == Reference.Words && Chunks == 1;

    /// <summary>Chunks as they count: a text that is right as a whole has none.</summary>
    public int CountedChunks => IsPerfect ? 0 : Chunks;

    /// <summary>The counts of one alignment.</summary>
    public static MeteorCounts Of(string[] output, string[] reference, MeteorMatch?[] alignment,
        IReadOnlySet<string> functionWords)
    {
        var counts = new MeteorCounts();
        counts.Output.AddWords(output, functionWords);
        counts.Reference.AddWords(reference, functionWords);
        int end = -1;
        foreach (MeteorMatch? match in alignment)
        {
            if (match is not { } found)
            {
                end = -1;
                continue;
            }
            counts.Matches++;
            counts.Output.AddMatch(found.Module, functionWords.Contains(output[found.Output]));
            counts.Reference.AddMatch(found.Module, functionWords.Contains(reference[found.Reference]));
            counts.Chunks += found.Output == end ? 0 : 1;
            end = found.Output + 1;
        }
        return counts;
    }

    /// <summary>The counts of a corpus.</summary>
    public static MeteorCounts Sum(IEnumerable<MeteorCounts> segments)
    {
        var sum = new MeteorCounts();
        foreach (MeteorCounts segment in segments)
        {
            sum.Output.Add(segment.Output);
            sum.Reference.Add(segment.Reference);
            sum.Matches += segment.Matches;
            sum.Chunks += segment.CountedChunks;
        }
        return sum;
    }

    /// <summary>Words and matched words of one text. Function words are counted apart, since they weigh less.</summary>
    internal sealed class Side
    {
        private readonly int[] _content = new int[Modules];
        private readonly int[] _function = new int[Modules];
        private int _functionWords;

        /// <summary>Words in all.</summary>
        public int Words { get; private set; }

        /// <summary>Counts the words of a text.</summary>
        public void AddWords(string[] words, IReadOnlySet<string> functionWords)
        {
            Words += words.Length;
            _functionWords += Array.FindAll(words, functionWords.Contains).Length;
        }

        /// <summary>Counts a match.</summary>
        public void AddMatch(MeteorModule module, bool isFunctionWord) =>
            (isFunctionWord ? _function : _content)[(int)module]++;

        /// <summary>Adds another text's counts.</summary>
        public void Add(Side other)
        {
            Words += other.Words;
            _functionWords += other._functionWords;
            for (int i = 0; i < Modules; i++)
            {
                _content[i] += other._content[i];
                _function[i] += other._function[i];
            }
        }

        /// <summary>The share of the words that is matched, both weighted; NaN without words.</summary>
        /// <param name="delta">Weight of a content word; a function word's is 1 - delta.</param>
        /// <param name="weights">Weight of a match of each module.</param>
        public double Share(double delta, ReadOnlySpan<double> weights)
        {
            double matched = 0;
            for (int i = 0; i < Modules; i++)
                matched += weights[i] * (delta * _content[i] + (1 - delta) * _function[i]);
            return matched / (delta * (Words - _functionWords) + (1 - delta) * _functionWords);
        }
    }
}
