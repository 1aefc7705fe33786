using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>What is read of one row.</summary>
/// <param name="Position">Its number in the data, from 0, for messages.</param>
/// <param name="Text">The input column.</param>
/// <param name="Attribute">The attribute column; null where there is none.</param>
/// <param name="Line">The file and line that it comes from, for messages; null where there is no file.</param>
internal readonly record struct InputRow(long Position, string Text, string? Attribute = null, string? Line = null)
{
    private const long NoPosition = -1;

    /// <summary>The draw column; null where there is none.</summary>
    public string? Draw { get; init; }

    /// <summary>A text that comes by itself, not as a row of data.</summary>
    public static InputRow Request(string text) => new(NoPosition, text);

    /// <summary>Where it stands, for messages.</summary>
    public string Place => RowPlace.Of(Position, Line);

    /// <summary>The same with the column that is read.</summary>
    public string In(string column) => Position == NoPosition ? "Request" : $"{Place}, column '{column}'";
}

/// <summary>What became of a row.</summary>
/// <param name="Texts">One text a sequence, best first; empty texts where there is an error.</param>
/// <param name="Error">Why the row could not be used, or an empty text.</param>
/// <param name="IsTruncated">Whether its prompt was cut.</param>
internal sealed record GeneratedText(string[] Texts, string Error, bool IsTruncated = false);
