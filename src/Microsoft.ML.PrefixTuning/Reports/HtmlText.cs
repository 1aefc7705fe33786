using System.Linq;
using System.Net;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>Plain text within HTML.</summary>
internal static class HtmlText
{
    /// <summary>
    /// The text as content or attribute value. Control characters, which XML does not allow, become U+FFFD.
    /// </summary>
    public static string Encode(string text) =>
        WebUtility.HtmlEncode(string.Concat(text.Select(letter => IsControl(letter) ? '\ufffd' : letter)));

    private static bool IsControl(char letter) => letter is < ' ' and not '\n' and not '\t';
}
