using System.Globalization;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>How text from a file is shown in messages.</summary>
internal static class Quoted
{
    private const int Longest = 200;

    /// <summary>The text in quotes, control characters escaped, cut at 200 characters.</summary>
    public static string Show(string text)
    {
        var shown = new StringBuilder("'");
        for (int i = 0; i < text.Length && i < Longest; i++)
        {
            if (char.IsControl(text[i]) || char.IsSurrogate(text[i]))
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            else
                shown.Append(text[i]);
        }
        return shown.Append(text.Length > Longest ? "...'" : "'").ToString();
    }
}
