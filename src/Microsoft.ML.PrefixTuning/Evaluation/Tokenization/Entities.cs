using System;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>The four SGML entities that the tools of machine translation read.</summary>
internal static class Entities
{
    /// <summary>
    /// Replaces them by their characters, in the tools' order: <c>&amp;amp;lt;</c> becomes <c>&lt;</c>.
    /// </summary>
    public static string Unescape(string text) => !text.Contains('&') ? text : text
        .Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
        .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
}
