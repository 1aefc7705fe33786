using System;
using System.Text;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A Jinja template without the freedom that the language leaves, so that texts of templates compare.
/// </summary>
internal static partial class TemplateText
{
    /// <summary>
    /// The same template with one way of quoting, of line breaks in texts and of reading members, without white space
    /// between and in tags, their dashes included, and with neighbouring texts joined.
    /// </summary>
    public static string Plain(string template)
    {
        var plain = new StringBuilder();
        bool isTag = false;
        for (int i = 0; i < template.Length; i++)
        {
            char next = template[i];
            if (!isTag && next == '{' && i + 1 < template.Length && template[i + 1] is '{' or '%')
            {
                plain.Append(template, i++, 2);
                isTag = true;
                i += i + 1 < template.Length && template[i + 1] is '-' or '+' ? 1 : 0;
            }
            else if (isTag && IsEnd(template, i))
            {
                i += next is '-' or '+' ? 1 : 0;
                plain.Append(template, i++, 2);
                isTag = false;
            }
            else if (isTag && next is '\'' or '"')
            {
                i = Quote(template, i, plain);
            }
            else if (!char.IsWhiteSpace(next))
            {
                plain.Append(next);
            }
        }
        return Member().Replace(plain.ToString(), ".$1").Replace("'+'", "", StringComparison.Ordinal);
    }

    private static bool IsEnd(string text, int i)
    {
        int at = text[i] is '-' or '+' ? i + 1 : i;
        return at + 1 < text.Length && text[at] is '}' or '%' && text[at + 1] == '}';
    }

    /// <summary>Takes a quoted text over.</summary>
    /// <returns>Where its end is.</returns>
    private static int Quote(string template, int begin, StringBuilder plain)
    {
        char quote = template[begin];
        plain.Append('\'');
        int i = begin + 1;
        for (; i < template.Length && template[i] != quote; i++)
        {
            if (template[i] == '\n')
                plain.Append("\\n");
            else
                plain.Append(template[i]);
            if (template[i] == '\\' && i + 1 < template.Length)
                plain.Append(template[++i]);
        }
        plain.Append('\'');
        return i;
    }

    [GeneratedRegex(@"\['(\w+)'\]")]
    private static partial Regex Member();
}
