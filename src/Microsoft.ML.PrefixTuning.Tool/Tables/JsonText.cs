using System;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Texts of JSON and back. Unlike <see cref="JsonElement.GetString"/> it reads lone surrogates, which become U+FFFD as
/// they do in rows that come from C#, and unlike the encoders of <see cref="System.Text.Encodings.Web"/> it writes
/// whatever is no control character as it is.
/// </summary>
internal static class JsonText
{
    private const char Replacement = '\ufffd';
    private const int HexDigits = 4;

    /// <summary>The text of a string.</summary>
    public static string Of(JsonElement text) => Unescape(text.GetRawText().AsSpan()[1..^1]);

    /// <summary>The name of a property.</summary>
    public static string NameOf(JsonProperty property) =>
        Unescape(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(property)));

    /// <summary>A value as it was written, in one line.</summary>
    public static string OneLine(JsonElement value)
    {
        string raw = value.GetRawText();
        if (raw.AsSpan().IndexOfAny('\n', '\r') < 0)
            return raw;
        // Line breaks stand between tokens only: inside a string they are escaped.
        var line = new StringBuilder(raw.Length);
        bool isInside = false;
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '"')
                isInside = !isInside;
            if (raw[i] == '\\')
                line.Append(raw[i++]);
            if (isInside || !char.IsWhiteSpace(raw[i]))
                line.Append(raw[i]);
        }
        return line.ToString();
    }

    /// <summary>A text as a string of JSON that takes one line wherever lines are told apart.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsSurrogatePair(text, i))
                quoted.Append(c).Append(text[++i]);
            else if (char.IsSurrogate(c))
                quoted.Append(Replacement);
            else if (Escape(c) is { } escape)
                quoted.Append(escape);
            else
                quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    private static string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        // The line and paragraph separators end a line for some readers.
        '\u2028' or '\u2029' => $"\\u{(int)c:x4}",
        _ => char.IsControl(c) ? $"\\u{(int)c:x4}" : null,
    };

    /// <param name="raw">What is between the quotes of a well-formed string.</param>
    private static string Unescape(ReadOnlySpan<char> raw)
    {
        if (!raw.Contains('\\'))
            return raw.ToString();
        var text = new StringBuilder(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            char kind = raw[++i];
            if (kind == 'u')
            {
                text.Append((char)ushort.Parse(raw.Slice(i + 1, HexDigits), NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture));
                i += HexDigits;
            }
            else
            {
                text.Append(kind switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', _ => kind });
            }
        }
        return WithoutLoneSurrogates(text.ToString());
    }

    // The encoding's replacement is U+FFFD, one for each.
    private static string WithoutLoneSurrogates(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
