using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// The pattern of o200k (GPT-4o, Phi-4-mini): words end before a capital that follows a small letter, and take a
/// contraction with them. With U for <c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c>, L for
/// <c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>, X for <c>[^\r\n\p{L}\p{N}]</c> and C for <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c>:
/// <c>X?U*L+C?|X?U+L*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal sealed class O200kSplitter : PieceSplitter
{
    private const int LongestNumber = 3, None = -1;

    private enum Case
    {
        NoLetter,
        Upper,
        Lower,

        // Letters without case, and marks: in both of the pattern's sets.
        Both,
    }

    public override int PieceEnd(string text, int start, int end)
    {
        CharacterClass kind = CharacterClasses.At(text, start, out int width);
        if (kind == CharacterClass.Number)
            return CharacterClasses.RunEnd(text, start, end, CharacterClass.Number, LongestNumber);
        bool mayLead = kind != CharacterClass.Letter && text[start] is not ('\r' or '\n');
        int word = WordEnd(text, start, mayLead ? start + width : None, end);
        if (word == None)
            return RestEnd(text, start, end, "\r\n/");
        return word < end ? word + ContractionLength(text, word, end, ignoreCase: true) : word;
    }

    // The alternatives in the pattern's order: with small letters or without, behind a leading character or not.
    private static int WordEnd(string text, int start, int behindLead, int end)
    {
        int word = behindLead == None ? None : SmallEnd(text, behindLead, end);
        if (word == None)
            word = SmallEnd(text, start, end);
        if (word == None && behindLead != None)
            word = CapitalsEnd(text, behindLead, end);
        return word == None ? CapitalsEnd(text, start, end) : word;
    }

    /// <summary>The end of <c>U*L+</c>.</summary>
    private static int SmallEnd(string text, int start, int end)
    {
        // U* gives back what L+ needs: up to its last character that is in both sets.
        int lastBoth = None;
        Case found = Case.NoLetter;
        for (; start < end && (found = At(text, start, out int width)) is Case.Upper or Case.Both; start += width)
        {
            if (found == Case.Both)
                lastBoth = start + width;
        }
        if (start == end || found != Case.Lower)
            return lastBoth;
        while (start < end && At(text, start, out int width) is Case.Lower or Case.Both)
            start += width;
        return start;
    }

    /// <summary>The end of <c>U+</c>, where no <c>L</c> follows.</summary>
    private static int CapitalsEnd(string text, int start, int end)
    {
        int place = start;
        while (place < end && At(text, place, out int width) == Case.Upper)
            place += width;
        return place == start ? None : place;
    }

    private static Case At(string text, int index, out int width)
    {
        char first = text[index];
        width = 1;
        if (char.IsAscii(first))
            return char.IsAsciiLetterLower(first) ? Case.Lower : char.IsAsciiLetterUpper(first) ? Case.Upper
                : Case.NoLetter;
        if (char.IsHighSurrogate(first) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
            width = 2;
        return CharUnicodeInfo.GetUnicodeCategory(text, index) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Case.Upper,
            UnicodeCategory.LowercaseLetter => Case.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark
                or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Case.Both,
            _ => Case.NoLetter,
        };
    }
}
