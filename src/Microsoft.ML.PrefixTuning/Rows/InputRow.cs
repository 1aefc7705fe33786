namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>What is read of one row.</summary>
/// <param name="Position">Its number in the data, from 0, for messages.</param>
/// <param name="Text">The input column.</param>
/// <param name="Attribute">The attribute column; null where there is none.</param>
internal readonly record struct InputRow(long Position, string Text, string? Attribute = null)
{
    private const long NoPosition = -1;

    /// <summary>A text that comes by itself, not as a row of data.</summary>
    public static InputRow Request(string text) => new(NoPosition, text);

    /// <summary>Where it stands, for messages.</summary>
    /// <param name="column">The column that is read.</param>
    public string Place(string column) =>
        Position == NoPosition ? "Request" : $"Row {Position}, column '{column}'";
}

/// <summary>What became of a row.</summary>
/// <param name="Texts">One text a sequence, best first; empty texts where there is an error.</param>
/// <param name="Error">Why the row could not be used, or an empty text.</param>
/// <param name="IsTruncated">Whether its prompt was cut.</param>
internal sealed record GeneratedText(string[] Texts, string Error, bool IsTruncated = false);
