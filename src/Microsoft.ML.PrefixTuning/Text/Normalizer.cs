using System;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>Rewrites a text before it is cut into pieces.</summary>
internal abstract class Normalizer
{
    /// <summary>The rewritten text.</summary>
    /// <param name="text">Text between added tokens; not empty, without lone surrogates.</param>
    /// <param name="opens">Whether it is the beginning of the whole text.</param>
    public abstract string Apply(string text, bool opens);
}

/// <summary>Canonical composition (NFC).</summary>
internal sealed class CompositionNormalizer : Normalizer
{
    private const char Noncharacter = '\uFFFE';

    // .NET refuses U+FFFE; nothing composes across it.
    public override string Apply(string text, bool opens) =>
        text.Contains(Noncharacter)
            ? string.Join(Noncharacter, text.Split(Noncharacter).Select(part => part.Normalize(NormalizationForm.FormC)))
            : text.Normalize(NormalizationForm.FormC);
}

/// <summary>Replaces one text by another.</summary>
internal sealed class ReplaceNormalizer(string old, string replacement) : Normalizer
{
    public override string Apply(string text, bool opens) => text.Replace(old, replacement, StringComparison.Ordinal);
}

/// <summary>Puts a text in front, always.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public override string Apply(string text, bool opens) => text.Length == 0 ? text : prefix + text;
}

/// <summary>Puts a space in front of a text that does not begin with one (<c>add_prefix_space</c> of byte-level BPE).</summary>
internal sealed class WordSpaceNormalizer : Normalizer
{
    public override string Apply(string text, bool opens) => text.StartsWith(' ') ? text : " " + text;
}
