using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Which words of an output may stand for which words of a reference. Equal words share what is found.
/// </summary>
internal sealed class MeteorCandidates
{
    private readonly Word[] _words;
    private readonly MeteorMatch?[] _certain;

    private MeteorCandidates(Word[] words, int outputLength)
    {
        _words = words;
        _certain = FindCertain(words, outputLength);
    }

    /// <summary>Words of the reference.</summary>
    public int ReferenceLength => _words.Length;

    /// <summary>For each place in the reference the match that is the only one of both its words; else null.</summary>
    public IReadOnlyList<MeteorMatch?> Certain => _certain;

    /// <summary>
    /// What may stand for a word of the reference: the modules that find any, in order, and the places.
    /// </summary>
    /// <param name="reference">Place in the reference.</param>
    public IReadOnlyList<(MeteorModule Module, PlaceSet Places)> this[int reference] => _words[reference].Found;

    /// <summary>Finds them: equal words, words of one stem and, where there is a dictionary, of one sense.</summary>
    public static MeteorCandidates Find(string[] output, string[] reference, MeteorResources resources)
    {
        var numbers = new NGramNumbers<string>(1);
        int[] words = numbers.Count(output).Tokens, wanted = numbers.Count(reference).Tokens;
        var lookup = new Lookup(output, words, words.AsSpan().SequenceEqual(wanted) ? null : resources);
        var known = new Dictionary<int, Word>();
        var found = new Word[reference.Length];
        for (int j = 0; j < found.Length; j++)
        {
            if (!known.TryGetValue(wanted[j], out Word? word))
                known.Add(wanted[j], word = new Word(lookup.Find(reference[j], wanted[j])));
            word.Uses++;
            found[j] = word;
        }
        return new MeteorCandidates(found, output.Length);
    }

    private static MeteorMatch?[] FindCertain(Word[] words, int outputLength)
    {
        var uses = new int[outputLength];
        foreach (Word word in words.Distinct())
        {
            foreach (int place in word.Places)
                uses[place] += word.Uses;
        }
        return [.. words.Select((word, reference) => word.Only is { } only && uses[only.Output] == 1
            ? only with { Reference = reference } : (MeteorMatch?)null)];
    }

    /// <summary>What is found for one word, however often it comes in the reference.</summary>
    private sealed class Word
    {
        public Word(IReadOnlyList<(MeteorModule Module, PlaceSet Places)> found)
        {
            Found = found;
            if (Places.Take(2).ToArray() is [int only])
                Only = new MeteorMatch(found[0].Module, only, 0);
        }

        public IReadOnlyList<(MeteorModule Module, PlaceSet Places)> Found { get; }

        /// <summary>How often the word comes in the reference.</summary>
        public int Uses { get; set; }

        /// <summary>The only match there is, but for the place in the reference.</summary>
        public MeteorMatch? Only { get; }

        /// <summary>Places in the output; one that two modules find comes twice.</summary>
        public IEnumerable<int> Places => Found.SelectMany(found => found.Places.Blocks).SelectMany(block => block);
    }

    /// <summary>The output's places by word, by stem and by sense.</summary>
    private sealed class Lookup
    {
        private readonly int[] _words;
        private readonly Dictionary<int, PlaceSet> _byWord;
        private readonly Dictionary<string, List<int>> _byStem = new(StringComparer.Ordinal);
        private readonly Dictionary<int, List<int>> _bySense = [];
        private readonly MeteorResources? _resources;

        /// <param name="output">The output.</param>
        /// <param name="words">Its words by number.</param>
        /// <param name="resources">Null where only equal words match.</param>
        public Lookup(string[] output, int[] words, MeteorResources? resources)
        {
            (_words, _resources, _byWord) = (words, resources, PlaceSet.OfTokens(words));
            if (resources is null)
                return;
            for (int i = 0; i < output.Length; i++)
            {
                Add(_byStem, EnglishStemmer.Stem(output[i]), i);
                foreach (int sense in resources.Synonyms?.SensesOf(output[i]) ?? [])
                    Add(_bySense, sense, i);
            }
        }

        /// <summary>What matches a word of the reference.</summary>
        /// <param name="word">The word.</param>
        /// <param name="number">Its number.</param>
        public IReadOnlyList<(MeteorModule Module, PlaceSet Places)> Find(string word, int number)
        {
            var found = new List<(MeteorModule, PlaceSet)>();
            if (_byWord.TryGetValue(number, out PlaceSet? equal))
                found.Add((MeteorModule.Exact, equal));
            if (_resources is null)
                return found;
            AddOthers(MeteorModule.Stem, _byStem.GetValueOrDefault(EnglishStemmer.Stem(word)) ?? []);
            IEnumerable<int> senses = _resources.Synonyms?.SensesOf(word) ?? [];
            AddOthers(MeteorModule.Synonym,
                senses.SelectMany(sense => _bySense.GetValueOrDefault(sense) ?? []).Distinct().Order());
            return found;

            void AddOthers(MeteorModule module, IEnumerable<int> places)
            {
                var others = new PlaceSet();
                foreach (int place in places.Where(place => _words[place] != number))
                    others.Add(place);
                if (others.Blocks.Count > 0)
                    found.Add((module, others));
            }
        }

        private static void Add<TKey>(Dictionary<TKey, List<int>> places, TKey key, int place)
            where TKey : notnull
        {
            if (!places.TryGetValue(key, out List<int>? list))
                places.Add(key, list = []);
            list.Add(place);
        }
    }
}
