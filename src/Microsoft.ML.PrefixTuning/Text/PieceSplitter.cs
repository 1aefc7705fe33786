using System;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A pre-tokenizer: cuts a text into pieces that are encoded one by one. The patterns are matched by hand, on code
/// points and in linear time, because .NET's regular expressions match UTF-16 units and backtrack.
/// </summary>
internal abstract class PieceSplitter
{
    /// <summary>The end of the piece that begins at <paramref name="start"/>; always behind it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="end">Where the text to cut ends: nothing behind it is looked at.</param>
    public abstract int PieceEnd(string text, int start, int end);

    /// <summary><c>\s+(?!\S)|\s+</c>: white space but for the last character before a word.</summary>
    protected static int SpaceEnd(int start, int runEnd, int end) =>
        runEnd == end || runEnd - start == 1 ? runEnd : runEnd - 1;

    /// <summary>
    /// <c> ?[^\s\p{L}\p{N}]+[marks]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>: what is neither word nor number.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the piece begins; no letter or number.</param>
    /// <param name="end">Where the text to cut ends.</param>
    /// <param name="marks">What belongs to other characters that it follows.</param>
    protected static int RestEnd(string text, int start, int end, string marks)
    {
        int other = text[start] == ' ' && start + 1 < end ? start + 1 : start;
        if (CharacterClasses.At(text, other, out _) == CharacterClass.Other)
        {
            int othersEnd = CharacterClasses.RunEnd(text, other, end, CharacterClass.Other);
            while (othersEnd < end && marks.Contains(text[othersEnd]))
                othersEnd++;
            return othersEnd;
        }
        int runEnd = CharacterClasses.RunEnd(text, start, end, CharacterClass.Space);
        int lastBreak = text.AsSpan(start, runEnd - start).LastIndexOfAny('\r', '\n');
        return lastBreak >= 0 ? start + lastBreak + 1 : SpaceEnd(start, runEnd, end);
    }

    /// <summary>
    /// The length of <c>'s|'t|'re|'ve|'m|'ll|'d</c> at <paramref name="start"/>; 0 if none stands there.
    /// </summary>
    protected static int ContractionLength(string text, int start, int end, bool ignoreCase)
    {
        if (text[start] != '\'' || start + 1 >= end)
            return 0;
        char first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
            return 2;
        if (start + 2 >= end)
            return 0;
        return (first, Fold(text[start + 2], ignoreCase)) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    // Case folding takes the long s for an s, as (?i) does in the reference's expressions.
    private static char Fold(char character, bool ignoreCase) =>
        !ignoreCase ? character : character == '\u017F' ? 's' : char.ToLowerInvariant(character);
}

/// <summary>
/// GPT-2's pattern: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal sealed class Gpt2Splitter : PieceSplitter
{
    public override int PieceEnd(string text, int start, int end)
    {
        int contraction = ContractionLength(text, start, end, ignoreCase: false);
        if (contraction > 0)
            return start + contraction;
        int word = text[start] == ' ' && start + 1 < end ? start + 1 : start;
        CharacterClass kind = CharacterClasses.At(text, word, out _);
        return kind == CharacterClass.Space
            ? SpaceEnd(start, CharacterClasses.RunEnd(text, start, end, CharacterClass.Space), end)
            : CharacterClasses.RunEnd(text, word, end, kind);
    }
}

/// <summary>
/// Llama 3's pattern: <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
/// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>, where the line break here is a space; Qwen2's has numbers of
/// one digit.
/// </summary>
/// <param name="longestNumber">The most digits of a piece.</param>
internal sealed class Llama3Splitter(int longestNumber) : PieceSplitter
{
    public override int PieceEnd(string text, int start, int end)
    {
        int contraction = ContractionLength(text, start, end, ignoreCase: true);
        if (contraction > 0)
            return start + contraction;
        CharacterClass kind = CharacterClasses.At(text, start, out int width);
        if (kind == CharacterClass.Letter)
            return CharacterClasses.RunEnd(text, start, end, CharacterClass.Letter);
        if (kind == CharacterClass.Number)
            return CharacterClasses.RunEnd(text, start, end, CharacterClass.Number, longestNumber);

        int next = start + width;
        CharacterClass nextKind = next < end ? CharacterClasses.At(text, next, out _) : CharacterClass.Space;
        if (nextKind == CharacterClass.Letter && text[start] is not ('\r' or '\n'))
            return CharacterClasses.RunEnd(text, next, end, CharacterClass.Letter);
        return RestEnd(text, start, end, "\r\n");
    }
}

/// <summary>Numbers apart from the rest, each digit alone or run by run.</summary>
/// <param name="individual">Whether each digit is a piece of its own.</param>
internal sealed class NumberSplitter(bool individual) : PieceSplitter
{
    public override int PieceEnd(string text, int start, int end)
    {
        if (CharacterClasses.At(text, start, out int width) == CharacterClass.Number)
            return individual ? start + width : CharacterClasses.RunEnd(text, start, end, CharacterClass.Number);
        while (start < end && CharacterClasses.At(text, start, out width) != CharacterClass.Number)
            start += width;
        return start;
    }
}

/// <summary>Cuts behind each occurrence of a text (the behaviour <c>MergedWithPrevious</c>).</summary>
/// <param name="mark">The text.</param>
internal sealed class MarkSplitter(string mark) : PieceSplitter
{
    public override int PieceEnd(string text, int start, int end)
    {
        int found = text.IndexOf(mark, start, end - start, StringComparison.Ordinal);
        return found < 0 ? end : found + mark.Length;
    }
}

/// <summary>Cuts before each mark (the behaviour <c>MergedWithNext</c>).</summary>
/// <param name="mark">What words begin with.</param>
internal sealed class WordSplitter(char mark) : PieceSplitter
{
    public override int PieceEnd(string text, int start, int end)
    {
        int found = text.IndexOf(mark, start + 1, end - start - 1);
        return found < 0 ? end : found;
    }
}
