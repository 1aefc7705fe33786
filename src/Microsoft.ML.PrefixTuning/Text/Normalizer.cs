using System;
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
    public abstract string Apply(string text, TextPlace place);
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
        if ("e\u0301".Normalize(NormalizationForm.FormC) != "\u00E9")
            throw new NotSupportedException(
                "The tokenizer composes characters (NFC), which .NET does not do with InvariantGlobalization: switch"
                    + " that off.");
    }

    // .NET refuses U+FFFE; nothing composes across it.
    public override string Apply(string text, TextPlace place) =>
        text.Contains(Noncharacter)
            ? string.Join(Noncharacter, text.Split(Noncharacter)
                .Select(part => part.Normalize(NormalizationForm.FormC)))
            : text.Normalize(NormalizationForm.FormC);
}

/// <summary>Replaces one text by another.</summary>
internal sealed class ReplaceNormalizer(string old, string replacement) : Normalizer
{
    public override string Apply(string text, TextPlace place) =>
        text.Replace(old, replacement, StringComparison.Ordinal);
}

/// <summary>Puts a text in front.</summary>
/// <param name="prefix">The text.</param>
/// <param name="openingOnly">Whether only at the beginning.</param>
/// <param name="unlessThere">Whether a text that begins with it stays as it is.</param>
internal sealed class PrefixNormalizer(string prefix, bool openingOnly, bool unlessThere) : Normalizer
{
    public override string Apply(string text, TextPlace place) =>
        text.Length == 0 || (openingOnly && place != TextPlace.Opening)
        || (unlessThere && text.StartsWith(prefix, StringComparison.Ordinal))
            ? text : prefix + text;
}

/// <summary>
/// SentencePiece's treatment of spaces (its <c>normalizer.cc</c>): spaces become <c>▁</c>, one may go in front, and
/// runs of them may become one, with none at either end.
/// </summary>
/// <param name="prefix">
/// Whether one goes in front, at the beginning and behind special tokens (<c>add_dummy_prefix</c>).
/// </param>
/// <param name="collapse">Whether runs become one (<c>remove_extra_whitespaces</c>).</param>
internal sealed class SpaceMarkNormalizer(bool prefix, bool collapse) : Normalizer
{
    /// <summary>What stands for a space in the tokens.</summary>
    public const char Mark = '\u2581';

    public override string Apply(string text, TextPlace place)
    {
        var marked = new StringBuilder(text.Length + 1);
        if (prefix && place != TextPlace.BehindAdded)
            marked.Append(Mark);
        int opening = marked.Length;
        bool pending = false;
        foreach (char character in text)
        {
            if (character == ' ' && collapse)
            {
                pending = marked.Length > opening;
                continue;
            }
            if (pending)
                marked.Append(Mark);
            marked.Append(character == ' ' ? Mark : character);
            pending = false;
        }
        return marked.Length == opening ? "" : marked.ToString();
    }
}
