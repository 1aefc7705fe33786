using System;
using System.Collections.Frozen;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The stemmer of M. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the extensions of NLTK's
/// <c>PorterStemmer</c> (its default mode), which rouge_score uses.
/// </summary>
internal static class PorterStemmer
{
    private static readonly (string Word, string Stem)[] IrregularWords =
    [
        ("sky", "sky"), ("skies", "sky"), ("dying", "die"), ("lying", "lie"), ("tying", "tie"), ("news", "news"),
        ("innings", "inning"), ("inning", "inning"), ("outings", "outing"), ("outing", "outing"),
        ("cannings", "canning"), ("canning", "canning"), ("howe", "howe"), ("proceed", "proceed"),
        ("exceed", "exceed"), ("succeed", "succeed"),
    ];

    private static readonly FrozenDictionary<string, string> Irregular =
        IrregularWords.ToFrozenDictionary(pair => pair.Word, pair => pair.Stem, StringComparer.Ordinal);

    private static readonly (string Suffix, string Replacement)[] DoubleSuffixes =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
        ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
        ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
        ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Suffix, string Replacement)[] Suffixes =
    [
        ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
    ];

    private static readonly string[] LastSuffixes =
    [
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
            "iti",
        "ous", "ive", "ize",
    ];

    /// <summary>The stem of a word in lower case.</summary>
    public static string Stem(string word)
    {
        if (Irregular.TryGetValue(word, out string? stem))
            return stem;
        if (word.Length <= 2)
            return word;
        word = RemovePlural(word);
        word = RemovePast(word);
        word = ReplaceY(word);
        word = ShortenDouble(word);
        word = Replace(word, Suffixes);
        word = RemoveLast(word);
        return RemoveFinalE(word);
    }

    // Step 1a.
    private static string RemovePlural(string word)
    {
        if (Ends(word, "sses"))
            return word[..^2];
        if (Ends(word, "ies"))
            return word.Length == 4 ? word[..^1] : word[..^2];
        return Ends(word, "s") && !Ends(word, "ss") ? word[..^1] : word;
    }

    // Step 1b.
    private static string RemovePast(string word)
    {
        if (Ends(word, "ied"))
            return word.Length == 4 ? word[..^1] : word[..^2];
        if (Ends(word, "eed"))
            return Measure(word[..^3]) > 0 ? word[..^1] : word;
        string suffix = Ends(word, "ed") ? "ed" : Ends(word, "ing") ? "ing" : "";
        string stem = word[..^suffix.Length];
        if (suffix.Length == 0 || !HasVowel(stem))
            return word;
        if (Ends(stem, "at") || Ends(stem, "bl") || Ends(stem, "iz"))
            return stem + "e";
        if (EndsInDoubleConsonant(stem))
            return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
        return Measure(stem) == 1 && EndsShort(stem) ? stem + "e" : stem;
    }

    // Step 1c.
    private static string ReplaceY(string word) =>
        word.Length > 2 && word[^1] == 'y' && IsConsonant(word, word.Length - 2) ? word[..^1] + "i" : word;

    // Step 2.
    private static string ShortenDouble(string word)
    {
        if (Ends(word, "alli") && Measure(word[..^4]) > 0)
            return ShortenDouble(word[..^2]);
        if (Ends(word, "logi"))
            return Measure(word[..^3]) > 0 ? word[..^1] : word;
        return Replace(word, DoubleSuffixes);
    }

    // Step 4.
    private static string RemoveLast(string word)
    {
        foreach (string suffix in LastSuffixes)
        {
            if (!Ends(word, suffix))
                continue;
            string stem = word[..^suffix.Length];
            bool removable = Measure(stem) > 1 && (suffix != "ion" || Ends(stem, "s") || Ends(stem, "t"));
            return removable ? stem : word;
        }
        return word;
    }

    // Step 5.
    private static string RemoveFinalE(string word)
    {
        if (Ends(word, "e"))
        {
            string stem = word[..^1];
            int measure = Measure(stem);
            if (measure > 1 || (measure == 1 && !EndsShort(stem)))
                word = stem;
        }
        return Ends(word, "ll") && Measure(word[..^1]) > 1 ? word[..^1] : word;
    }

    // The first suffix that fits decides, whether or not its stem is long enough.
    private static string Replace(string word, (string Suffix, string Replacement)[] rules)
    {
        foreach ((string suffix, string replacement) in rules)
        {
            if (Ends(word, suffix))
                return Measure(word[..^suffix.Length]) > 0 ? word[..^suffix.Length] + replacement : word;
        }
        return word;
    }

    private static bool Ends(string word, string suffix) => word.EndsWith(suffix, StringComparison.Ordinal);

    // Of a run of y, every second one is a vowel: the one behind a consonant.
    private static bool IsConsonant(string word, int index)
    {
        int start = index;
        while (start > 0 && word[start] == 'y')
            start--;
        return IsConsonant(word[start], afterConsonant: false) == ((index - start) % 2 == 0);
    }

    private static bool IsConsonant(char letter, bool afterConsonant) => letter switch
    {
        'a' or 'e' or 'i' or 'o' or 'u' => false,
        'y' => !afterConsonant,
        _ => true,
    };

    // The paper's m: how often a vowel is followed by a consonant.
    private static int Measure(string stem)
    {
        int measure = 0;
        bool afterConsonant = false, afterVowel = false;
        foreach (char letter in stem)
        {
            bool consonant = IsConsonant(letter, afterConsonant);
            if (consonant && afterVowel)
                measure++;
            (afterConsonant, afterVowel) = (consonant, !consonant);
        }
        return measure;
    }

    private static bool HasVowel(string stem)
    {
        bool afterConsonant = false;
        foreach (char letter in stem)
        {
            if (!IsConsonant(letter, afterConsonant))
                return true;
            afterConsonant = true;
        }
        return false;
    }

    private static bool EndsInDoubleConsonant(string word) =>
        word.Length >= 2 && word[^1] == word[^2] && IsConsonant(word, word.Length - 1);

    // The paper's *o, and a word of a vowel and a consonant.
    private static bool EndsShort(string word)
    {
        int last = word.Length - 1;
        if (last < 1 || !IsConsonant(word, last) || IsConsonant(word, last - 1))
            return false;
        return last == 1 || (IsConsonant(word, last - 2) && word[last] is not ('w' or 'x' or 'y'));
    }
}
