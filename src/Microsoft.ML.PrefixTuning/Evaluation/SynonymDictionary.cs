using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Senses of words, from METEOR's extract of WordNet: two words are synonyms where they share a sense, in the form they
/// have or
/// in the base form that WordNet's list of exceptions or its rules of detachment give.
/// </summary>
internal sealed class SynonymDictionary
{
    // Nouns, verbs, adjectives; the first rule that gives a known word wins.
    private static readonly (string Suffix, string Ending)[] Rules =
    [
        ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"),
            ("ies", "y"),
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
        ("er", ""), ("est", ""), ("er", "e"), ("est", "e"),
    ];

    private readonly Dictionary<string, int[]> _senses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _bases = new(StringComparer.Ordinal);

    private SynonymDictionary()
    {
    }

    /// <summary>Reads the two files, in which each entry takes two lines.</summary>
    /// <param name="synsets">A word, and the numbers of its senses.</param>
    /// <param name="exceptions">A base form, and its irregular forms.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="FormatException">A file does not have that form.</exception>
    public static SynonymDictionary Read(string synsets, string exceptions)
    {
        var dictionary = new SynonymDictionary();
        foreach ((string word, string[] numbers, int line) in Entries(synsets))
            dictionary._senses[word] = [.. numbers.Select(number => ParseSense(number, synsets, line))];
        foreach ((string baseForm, string[] forms, _) in Entries(exceptions))
        {
            foreach (string form in forms)
            {
                if (!dictionary._bases.TryGetValue(form, out List<string>? bases))
                    dictionary._bases.Add(form, bases = []);
                bases.Add(baseForm);
            }
        }
        return dictionary;
    }

    /// <summary>The senses of a word and of its base forms; empty for an unknown word.</summary>
    public int[] SensesOf(string word)
    {
        IEnumerable<string> bases = _bases.TryGetValue(word, out List<string>? irregular) ? irregular : [BaseOf(word)];
        return [.. bases.Prepend(word).SelectMany(form => _senses.GetValueOrDefault(form) ?? []).Distinct()];
    }

    private string BaseOf(string word)
    {
        if (word.Length <= 2 || word.EndsWith("ss", StringComparison.Ordinal))
            return word;
        foreach ((string suffix, string ending) in Rules)
        {
            if (!word.EndsWith(suffix, StringComparison.Ordinal))
                continue;
            string form = word[..^suffix.Length] + ending;
            if (_senses.ContainsKey(form))
                return form;
        }
        return word;
    }

    private static IEnumerable<(string First, string[] Second, int Line)> Entries(string path)
    {
        using StreamReader reader = File.OpenText(path);
        for (int line = 1; reader.ReadLine() is { } first; line += 2)
        {
            string second = reader.ReadLine() ?? throw new FormatException(
                $"{Path.GetFileName(path)}: line {line}: expected a second line for this entry, found the end of the"
                    + " file.");
            yield return (first, second.Split(' ', StringSplitOptions.RemoveEmptyEntries), line + 1);
        }
    }

    private static int ParseSense(string number, string path, int line) =>
        int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int sense) ? sense
            : throw new FormatException(
                $"{Path.GetFileName(path)}: line {line}: expected numbers of senses, found {FileText.Quote(number)}.");
}
