using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>Words as a POSIX shell reads them.</summary>
internal static class ShellWords
{
    /// <summary>Words as one line, to be copied.</summary>
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static string Quote(string word) => word.All(letter => char.IsLetterOrDigit(letter)
        || "-_=./:,+".Contains(letter, StringComparison.Ordinal)) && word.Length > 0 ? word
        : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
