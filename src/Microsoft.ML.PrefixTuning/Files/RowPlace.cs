namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>Where a row stands, in the words of messages.</summary>
internal static class RowPlace
{
    /// <summary>The row's number, from where it counts, and its line where it comes from a file.</summary>
    /// <param name="position">The row's number in the data, from 0 as cursors have it; messages count from 1.</param>
    /// <param name="line">The file and the line that the row begins in; null where it comes from no file.</param>
    public static string Of(long position, string? line = null) =>
        $"Row {position + 1} (the first is 1{(line is null ? "" : $"; {line}")})";
}
