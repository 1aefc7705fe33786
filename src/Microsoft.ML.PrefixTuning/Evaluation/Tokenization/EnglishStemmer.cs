using System;
using System.Collections.Frozen;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// M. Porter's second stemmer for English (Snowball, "The English (Porter2) stemming algorithm"), in the version that
/// METEOR 1.5 uses. Within a word, <c>Y</c> stands for a y that is no vowel.
/// </summary>
internal static class EnglishStemmer
{
    private static readonly (string Word, string Stem)[] IrregularWords =
    [
        ("skis", "ski"), ("skies", "sky"), ("dying", "die"), ("lying", "lie"), ("tying", "tie"), ("idly", "idl"),
        ("gently", "gentl"), ("ugly", "ugli"), ("early", "earli"), ("only", "onli"), ("singly", "singl"),
        ("sky", "sky"), ("news", "news"), ("howe", "howe"), ("atlas", "atlas"), ("cosmos", "cosmos"),
        ("bias", "bias"), ("andes", "andes"),
    ];

    private static readonly FrozenDictionary<string, string> Irregular =
        IrregularWords.ToFrozenDictionary(pair => pair.Word, pair => pair.Stem, StringComparer.Ordinal);

    private static readonly FrozenSet<string> DoneWithoutPlural = FrozenSet.ToFrozenSet(
        ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"], StringComparer.Ordinal);

    // The longest of the suffixes that fit decides, so longer ones come first.
    private static readonly (string Suffix, string Replacement)[] DoubleSuffixes =
    [
        ("ational", "ate"), ("ization", "ize"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"),
        ("tional", "tion"), ("biliti", "ble"), ("lessli", "less"), ("fulli", "ful"), ("ousli", "ous"), ("entli", "ent"),
        ("aliti", "al"), ("iviti", "ive"), ("alism", "al"), ("ation", "ate"), ("anci", "ance"), ("enci", "ence"),
        ("abli", "able"), ("alli", "al"), ("izer", "ize"), ("ator", "ate"), ("bli", "ble"), ("ogi", "og"), ("li", ""),
    ];

    private static readonly (string Suffix, string Replacement)[] Suffixes =
    [
        ("ational", "ate"), ("tional", "tion"), ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"),
        ("ical", "ic"), ("ness", ""), ("ful", ""),
    ];

    private static readonly string[] LastSuffixes =
    [
        "ement", "ance", "ence", "able", "ible", "ment", "ate", "ive", "ize", "iti", "ism", "ion", "ous", "ant", "ent",
        "ic", "al", "er",
    ];

    /// <summary>The stem of a word in lower case.</summary>
    public static string Stem(string word)
    {
        if (word.Length <= 2)
            return word;
        if (Irregular.TryGetValue(word, out string? irregular))
            return irregular;
        string marked = MarkConsonantY(word[0] == '\'' ? word[1..] : word);
        int first = FirstRegion(marked), second = RegionAfter(marked, first);
        string stem = RemovePlural(RemovePossessive(marked));
        if (!DoneWithoutPlural.Contains(stem))
        {
            stem = ReplaceY(RemovePast(stem, first));
            stem = ShortenDouble(stem, first);
            stem = Shorten(stem, first, second);
            stem = RemoveFinal(RemoveLast(stem, second), first, second);
        }
        return stem.Replace('Y', 'y');
    }

    private static string MarkConsonantY(string word)
    {
        char[] letters = word.ToCharArray();
        for (int i = 0; i < letters.Length; i++)
        {
            if (letters[i] == 'y' && (i == 0 || IsVowel(letters[i - 1])))
                letters[i] = 'Y';
        }
        return new string(letters);
    }

    // R1: what follows the first consonant behind a vowel.
    private static int FirstRegion(string word)
    {
        foreach (string beginning in (ReadOnlySpan<string>)["gener", "commun", "arsen"])
        {
            if (word.StartsWith(beginning, StringComparison.Ordinal))
                return beginning.Length;
        }
        return RegionAfter(word, 0);
    }

    private static int RegionAfter(string word, int start)
    {
        for (int i = start + 1; i < word.Length; i++)
        {
            if (IsVowel(word[i - 1]) && !IsVowel(word[i]))
                return i + 1;
        }
        return word.Length;
    }

    // Step 0, as part of step 1a.
    private static string RemovePossessive(string word) =>
        Ends(word, "'s'") ? word[..^3] : Ends(word, "'s") ? word[..^2] : Ends(word, "'") ? word[..^1] : word;

    // Step 1a.
    private static string RemovePlural(string word)
    {
        if (Ends(word, "sses"))
            return word[..^2];
        if (Ends(word, "ied") || Ends(word, "ies"))
            return word.Length > 4 ? word[..^2] : word[..^1];
        bool plural = Ends(word, "s") && !Ends(word, "us") && !Ends(word, "ss");
        return plural && HasVowel(word.AsSpan(0, Math.Max(0, word.Length - 2))) ? word[..^1] : word;
    }

    // Step 1b.
    private static string RemovePast(string word, int region)
    {
        foreach (string suffix in (ReadOnlySpan<string>)["eedly", "eed"])
        {
            if (Ends(word, suffix))
                return word.Length - suffix.Length >= region ? word[..^suffix.Length] + "ee" : word;
        }
        foreach (string suffix in (ReadOnlySpan<string>)["ingly", "edly", "ing", "ed"])
        {
            if (Ends(word, suffix))
                return HasVowel(word.AsSpan(0, word.Length - suffix.Length)) ? Mend(word[..^suffix.Length], region)
                    : word;
        }
        return word;
    }

    private static string Mend(string stem, int region)
    {
        if (Ends(stem, "at") || Ends(stem, "bl") || Ends(stem, "iz"))
            return stem + "e";
        if (stem.Length >= 2 && stem[^1] == stem[^2] && "bdfgmnprt".Contains(stem[^1]))
            return stem[..^1];
        return stem.Length == region && EndsShort(stem) ? stem + "e" : stem;
    }

    // Step 1c.
    private static string ReplaceY(string word) =>
        word.Length > 2 && (word[^1] is 'y' or 'Y') && !IsVowel(word[^2]) ? word[..^1] + "i" : word;

    // Step 2.
    private static string ShortenDouble(string word, int region)
    {
        foreach ((string suffix, string replacement) in DoubleSuffixes)
        {
            if (!Ends(word, suffix))
                continue;
            int start = word.Length - suffix.Length;
            bool fits = start >= region && suffix switch
            {
                "ogi" => start > 0 && word[start - 1] == 'l',
                "li" => start > 0 && "cdeghkmnrt".Contains(word[start - 1]),
                _ => true,
            };
            return fits ? word[..start] + replacement : word;
        }
        return word;
    }

    // Step 3.
    private static string Shorten(string word, int first, int second)
    {
        foreach ((string suffix, string replacement) in Suffixes)
        {
            if (!Ends(word, suffix))
                continue;
            int start = word.Length - suffix.Length;
            return start >= (suffix == "ative" ? Math.Max(first, second) : first) ? word[..start] + replacement : word;
        }
        return word;
    }

    // Step 4.
    private static string RemoveLast(string word, int region)
    {
        foreach (string suffix in LastSuffixes)
        {
            if (!Ends(word, suffix))
                continue;
            string stem = word[..^suffix.Length];
            return stem.Length >= region && (suffix != "ion" || Ends(stem, "s") || Ends(stem, "t")) ? stem : word;
        }
        return word;
    }

    // Step 5.
    private static string RemoveFinal(string word, int first, int second)
    {
        if (Ends(word, "e"))
        {
            string stem = word[..^1];
            return stem.Length >= second || (stem.Length >= first && !EndsShort(stem)) ? stem : word;
        }
        return Ends(word, "ll") && word.Length - 1 >= second ? word[..^1] : word;
    }

    // A short syllable: consonant, vowel, consonant other than w, x and Y; or vowel, consonant as a whole word.
    private static bool EndsShort(string word)
    {
        int last = word.Length - 1;
        if (last < 1 || IsVowel(word[last]) || !IsVowel(word[last - 1]))
            return false;
        return last == 1 || (!IsVowel(word[last - 2]) && word[last] is not ('w' or 'x' or 'Y'));
    }

    private static bool HasVowel(ReadOnlySpan<char> word) => word.ContainsAny("aeiouy");

    private static bool IsVowel(char letter) => letter is 'a' or 'e' or 'i' or 'o' or 'u' or 'y';

    private static bool Ends(string word, string suffix) => word.EndsWith(suffix, StringComparison.Ordinal);
}
