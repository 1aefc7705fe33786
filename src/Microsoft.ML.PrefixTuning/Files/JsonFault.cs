using System;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What is wrong with JSON, in words for people: lines and bytes count from 1, as editors do.</summary>
internal static partial class JsonFault
{
    /// <summary>The message of a fault of System.Text.Json.</summary>
    public static string Text(Exception fault) => Place().Replace(fault.Message, match =>
        $" Line {From1(match.Groups[1])}, byte {From1(match.Groups[2])}.").TrimEnd();

    private static string From1(Group number) =>
        (long.Parse(number.Value, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture);

    // As .NET writes it, which counts both from 0.
    [GeneratedRegex(@"(?: \|)? LineNumber: (\d+) \| BytePositionInLine: (\d+)\.")]
    private static partial Regex Place();
}
