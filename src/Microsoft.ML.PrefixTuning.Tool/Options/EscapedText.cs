using System;
using System.Reflection;
using System.Text;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// A text on a command line, which no shell lets hold a line break or tab with ease: <c>\n</c>, <c>\t</c> and <c>\\</c>
/// stand for them and for the backslash.
/// </summary>
internal static class EscapedText
{
    /// <summary>The text that is meant.</summary>
    /// <exception cref="FormatException">A backslash stands before something else.</exception>
    public static string Read(string typed)
    {
        if (!typed.Contains('\\', StringComparison.Ordinal))
            return typed;
        var text = new StringBuilder(typed.Length);
        for (int i = 0; i < typed.Length; i++)
        {
            text.Append(typed[i] != '\\' ? typed[i] : (i + 1 < typed.Length ? typed[++i] : ' ') switch
            {
                'n' => '\n',
                't' => '\t',
                '\\' => '\\',
                _ => throw new FormatException(
                    $"expected \\n, \\t or \\\\ where there is a backslash, found '{typed}'."),
            });
        }
        return text.ToString();
    }

    /// <summary>What is meant by a text that was typed for an option: words have escapes, names have none.</summary>
    /// <exception cref="FormatException">A backslash stands before something else.</exception>
    public static string ReadOf(PropertyInfo member, string typed) =>
        OptionText.IsText(member) ? Read(typed) : typed;

    /// <summary>A text as it can be typed; other control characters become U+FFFD.</summary>
    public static string Write(string text)
    {
        var typed = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            typed.Append(c switch
            {
                '\n' => "\\n",
                '\t' => "\\t",
                '\\' => "\\\\",
                _ => char.IsControl(c) ? "\uFFFD" : c.ToString(),
            });
        }
        return typed.ToString();
    }

    /// <summary>A text that may be typed already, with line breaks and tabs as they are typed.</summary>
    public static string WriteBreaks(string text) => text.Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\t", "\\t", StringComparison.Ordinal);
}
