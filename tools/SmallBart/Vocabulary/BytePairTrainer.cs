using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.SmallBart.Vocabulary;

/// <summary>
/// Trains a byte-level BPE vocabulary (Sennrich et al. 2016): the most frequent pair of neighbours becomes a token,
/// again and again. Counts are kept up to date instead of being taken anew: a merge touches only the words that hold
/// its pair.
/// </summary>
internal sealed class BytePairTrainer
{
    private const int Bytes = 256;

    private readonly List<string> _tokens =
        [.. Enumerable.Range(0, Bytes).Select(value => $"{ByteAlphabet.CharacterOf((byte)value)}")];
    private readonly List<(string Left, string Right)> _merges = [];
    private readonly List<int>[] _words;
    private readonly long[] _wordCounts;
    private readonly Dictionary<(int Left, int Right), long> _counts = [];

    // Words in which a pair stands or once stood.
    private readonly Dictionary<(int Left, int Right), List<int>> _places = [];

    // The most frequent pair first; among equals that of the older tokens. Counts in it may be out of date.
    private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _queue = new();

    private BytePairTrainer(IReadOnlyDictionary<string, long> pieces)
    {
        // In an order of their own, so that the same text gives the same vocabulary.
        string[] ordered = [.. pieces.Keys.Order(StringComparer.Ordinal)];
        _words = Array.ConvertAll(ordered, piece => Encoding.UTF8.GetBytes(piece).Select(value => (int)value).ToList());
        _wordCounts = Array.ConvertAll(ordered, piece => pieces[piece]);
        for (int word = 0; word < _words.Length; word++)
            Count(word, 1);
        foreach ((int Left, int Right) pair in _counts.Keys)
            Offer(pair);
    }

    /// <summary>Trains a vocabulary.</summary>
    /// <param name="pieces">Pieces of a text and how often each occurs.</param>
    /// <param name="tokens">Tokens wanted, the 256 bytes among them; there may be fewer where no pair is left.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer tokens than bytes are wanted.</exception>
    public static BytePairVocabulary Train(IReadOnlyDictionary<string, long> pieces, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, Bytes);
        var trainer = new BytePairTrainer(pieces);
        while (trainer._tokens.Count < tokens && trainer.TryTakeBest(out (int, int) pair))
            trainer.Merge(pair);
        return new BytePairVocabulary(trainer._tokens, trainer._merges);
    }

    private bool TryTakeBest(out (int Left, int Right) pair)
    {
        while (_queue.TryDequeue(out pair, out (long NegativeCount, int, int) offered))
        {
            long count = _counts.GetValueOrDefault(pair);
            if (count > 0 && count == -offered.NegativeCount)
                return true;
            if (count > 0)
                Offer(pair);
        }
        return false;
    }

    private void Merge((int Left, int Right) pair)
    {
        int merged = _tokens.Count;
        _merges.Add((_tokens[pair.Left], _tokens[pair.Right]));
        _tokens.Add(_tokens[pair.Left] + _tokens[pair.Right]);
        var risen = new HashSet<(int Left, int Right)>();
        foreach (int word in _places[pair])
        {
            if (!Holds(_words[word], pair))
                continue;
            Count(word, -1);
            Join(_words[word], pair, merged);
            Count(word, 1);
            foreach ((int Left, int Right) neighbours in PairsOf(_words[word]))
            {
                if (neighbours.Left == merged || neighbours.Right == merged)
                    risen.Add(neighbours);
            }
        }
        _places.Remove(pair);
        foreach ((int Left, int Right) neighbours in risen)
            Offer(neighbours);
    }

    private void Offer((int Left, int Right) pair) => _queue.Enqueue(pair, (-_counts[pair], pair.Left, pair.Right));

    /// <summary>Adds a word's pairs to the counts, or takes them away.</summary>
    private void Count(int word, int sign)
    {
        foreach ((int Left, int Right) pair in PairsOf(_words[word]))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += sign * _wordCounts[word];
            if (sign < 0)
                continue;
            List<int> places = CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _) ??= [];
            if (places.Count == 0 || places[^1] != word)
                places.Add(word);
        }
    }

    private static bool Holds(List<int> symbols, (int Left, int Right) pair) => PairsOf(symbols).Contains(pair);

    private static IEnumerable<(int Left, int Right)> PairsOf(List<int> symbols)
    {
        for (int i = 0; i + 1 < symbols.Count; i++)
            yield return (symbols[i], symbols[i + 1]);
    }

    /// <summary>Joins every occurrence of a pair, the leftmost first.</summary>
    private static void Join(List<int> symbols, (int Left, int Right) pair, int merged)
    {
        int kept = 0;
        for (int i = 0; i < symbols.Count; i++, kept++)
        {
            bool joins = symbols[i] == pair.Left && i + 1 < symbols.Count && symbols[i + 1] == pair.Right;
            symbols[kept] = joins ? merged : symbols[i];
            if (joins)
                i++;
        }
        symbols.RemoveRange(kept, symbols.Count - kept);
    }
}

/// <summary>A trained vocabulary, in the letters that stand for bytes.</summary>
/// <param name="Tokens">The 256 bytes, then one token a merge.</param>
/// <param name="Merges">The merges, the first rank first.</param>
internal sealed record BytePairVocabulary(IReadOnlyList<string> Tokens,
    IReadOnlyList<(string Left, string Right)> Merges);
