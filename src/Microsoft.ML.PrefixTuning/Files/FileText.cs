using System;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>Text that comes from a file, made fit for a message.</summary>
internal static class FileText
{
    private const int Longest = 200;

    /// <summary>
    /// Whether a text names a file and nothing else: no folder and no drive, whatever the system is that reads it.
    /// </summary>
    public static bool IsPlainName(string name) =>
        name is not ("" or "." or "..") && !name.AsSpan().ContainsAny("/\\:") && !name.Any(char.IsControl);

    /// <summary>In single quotes, control characters and lone surrogates escaped, cut at 200 characters.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("'");
        for (int i = 0; i < text.Length && i < Longest; i++)
        {
            char c = text[i];
            bool pair = i + 1 < text.Length && char.IsSurrogatePair(text, i) || i > 0
                && char.IsSurrogatePair(text, i - 1);
            if (char.IsControl(c) || char.IsSurrogate(c) && !pair)
                quoted.Append($"\\u{(int)c:x4}");
            else
                quoted.Append(c);
        }
        return quoted.Append(text.Length > Longest ? "...'" : "'").ToString();
    }
}
