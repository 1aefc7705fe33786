using System;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>What stands before a text that is encoded.</summary>
internal enum TextPlace
{
    /// <summary>Nothing: it is the beginning.</summary>
    Opening,

    /// <summary>A special token.</summary>
    BehindSpecial,

    /// <summary>Another added token.</summary>
    BehindAdded,
}

/// <summary>Rewrites a text before it is cut into pieces.</summary>
internal abstract class Normalizer
{
    /// <summary>
    /// How many times as long a text may become. What normalizers are for needs less: Unicode's longest composition
    /// makes 18 characters of one.
    /// </summary>
    public const int MostGrowth = 64;

    /// <summary>The rewritten text.</summary>
    /// <param name="text">Text between added tokens, without lone surrogates.</param>
    /// <param name="place">What stands before it.</param>
    /// <param name="alignment">Follows where characters go; null where nobody asks.</param>
    public string Apply(string text, TextPlace place, TextAlignment? alignment)
    {
        string rewritten = Rewrite(text, place, alignment);
        alignment?.Turn();
        return rewritten;
    }

    /// <summary>
    /// Whether a token stands in every rewritten text where it stands in the text itself, so that it makes no
    /// difference in which of both it is looked for.
    /// </summary>
    public virtual bool Leaves(string token) => false;

    /// <inheritdoc cref="Apply"/>
    /// <remarks>All of the text is told to the alignment, in order; it is turned by the caller.</remarks>
    protected abstract string Rewrite(string text, TextPlace place, TextAlignment? alignment);
}

/// <summary>Canonical composition (NFC).</summary>
internal sealed class CompositionNormalizer : Normalizer
{
    private const char Noncharacter = '\uFFFE';

    /// <exception cref="NotSupportedException">
    /// The process runs in a mode in which .NET leaves text as it is.
    /// </exception>
    public CompositionNormalizer()
    {
        if (Compose("e\u0301") != "\u00E9")
            throw new NotSupportedException(
                "The tokenizer composes characters (NFC), which .NET does not do with InvariantGlobalization: "
                + "switch that off.");
    }

    // Nothing composes with the white space of ASCII, and nothing becomes it.
    public override bool Leaves(string token) => token.All(next => char.IsAscii(next) && char.IsWhiteSpace(next));

    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        string composed = ComposeAll(text);
        if (alignment is not null)
            Align(text, composed, alignment);
        return composed;
    }

    private static string Compose(string text) => text.Normalize(NormalizationForm.FormC);

    // .NET refuses U+FFFE; nothing composes across it.
    private static string ComposeAll(string text) => !text.Contains(Noncharacter) ? Compose(text)
        : string.Join(Noncharacter, text.Split(Noncharacter).Select(Compose));

    // Characters compose with those in front of them only where they are marks or jamo: between other characters the
    // text may be cut and composed part by part.
    private static void Align(string text, string composed, TextAlignment alignment)
    {
        int written = 0;
        for (int begin = 0, end; begin < text.Length; begin = end)
        {
            for (end = begin + 1; end < text.Length && Joins(text, end); end++)
            {
            }
            int length = ComposeAll(text[begin..end]).Length;
            // A newer Unicode's composition that this rule does not know: what is left stands for what is left.
            if (end == text.Length || written + length > composed.Length)
                (length, end) = (composed.Length - written, text.Length);
            alignment.Write(begin, end - begin, length);
            written += length;
        }
    }

    private static bool Joins(string text, int index) => char.IsLowSurrogate(text[index])
        || CharUnicodeInfo.GetUnicodeCategory(text, index) is UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        || text[index] is (>= '\u1160' and <= '\u11FF') or (>= '\uD7B0' and <= '\uD7FF');
}

/// <summary>Replaces one text by another.</summary>
internal sealed class ReplaceNormalizer(string old, string replacement) : Normalizer
{
    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        int begin = 0;
        for (int found; alignment is not null && (found = text.IndexOf(old, begin, StringComparison.Ordinal)) >= 0;)
        {
            alignment.Write(begin, found - begin, found - begin);
            alignment.Write(found, old.Length, replacement.Length);
            begin = found + old.Length;
        }
        alignment?.Write(begin, text.Length - begin, text.Length - begin);
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }
}

/// <summary>Puts a text in front.</summary>
/// <param name="prefix">The text.</param>
/// <param name="openingOnly">Whether only at the beginning.</param>
/// <param name="unlessThere">Whether a text that begins with it stays as it is.</param>
internal sealed class PrefixNormalizer(string prefix, bool openingOnly, bool unlessThere) : Normalizer
{
    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        bool stays = text.Length == 0 || (openingOnly && place != TextPlace.Opening)
            || (unlessThere && text.StartsWith(prefix, StringComparison.Ordinal));
        if (!stays)
            alignment?.Write(0, 0, prefix.Length);
        alignment?.Write(0, text.Length, text.Length);
        return stays ? text : prefix + text;
    }
}

/// <summary>Takes white space away at the end.</summary>
internal sealed class EndStripNormalizer : Normalizer
{
    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        string stripped = text.TrimEnd();
        alignment?.Write(0, stripped.Length, stripped.Length);
        alignment?.Write(stripped.Length, text.Length - stripped.Length, 0);
        return stripped;
    }
}

/// <summary>Replaces each run of two spaces or more.</summary>
/// <param name="replacement">What stands for all of a run.</param>
internal sealed class SpaceRunNormalizer(char replacement) : Normalizer
{
    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        var joined = new StringBuilder(text.Length);
        for (int begin = 0, end; begin < text.Length; begin = end)
        {
            for (end = begin + 1; text[begin] == ' ' && end < text.Length && text[end] == ' '; end++)
            {
            }
            joined.Append(end - begin > 1 ? replacement : text[begin]);
            alignment?.Write(begin, end - begin, 1);
        }
        return joined.ToString();
    }
}

/// <summary>
/// SentencePiece's treatment of spaces (its <c>normalizer.cc</c>): spaces become <c>▁</c>, one may go in front, and
/// runs of them may become one, with none at either end.
/// </summary>
/// <param name="prefix">
/// Whether one goes in front, at the beginning and behind special tokens (<c>add_dummy_prefix</c>).
/// </param>
/// <param name="collapse">Whether runs become one (<c>remove_extra_whitespaces</c>).</param>
/// <param name="keepsFirst">
/// Whether a run at the beginning becomes one too, as by the stages of a T5's <c>tokenizer.json</c>, which strip the
/// end alone.
/// </param>
internal sealed class SpaceMarkNormalizer(bool prefix, bool collapse, bool keepsFirst = false) : Normalizer
{
    /// <summary>What stands for a space in the tokens.</summary>
    public const char Mark = '\u2581';

    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        var marked = new StringBuilder(text.Length + 1);
        if (prefix && place != TextPlace.BehindAdded)
        {
            marked.Append(Mark);
            alignment?.Write(0, 0, 1);
        }
        int opening = marked.Length, run = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == ' ' && collapse)
            {
                run++;
                continue;
            }
            if (run > 0 && (keepsFirst || marked.Length > opening))
            {
                marked.Append(Mark);
                alignment?.Write(i - run, run, 1);
            }
            run = 0;
            marked.Append(text[i] == ' ' ? Mark : text[i]);
            alignment?.Write(i, 1, 1);
        }
        return marked.Length == opening ? "" : marked.ToString();
    }
}
