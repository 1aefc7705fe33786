using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What is distilled into a shorter prefix.</summary>
public abstract record PrefixTeacher
{
    private protected PrefixTeacher()
    {
    }

    /// <summary>
    /// A text that stands in front of every row's prompt: an instruction, worked examples, any context. Special tokens
    /// written in it count as such.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <exception cref="ArgumentException">
    /// It is empty, or holds <c>{input}</c>, the place of rows in templates.
    /// </exception>
    public static PrefixTeacher FromText(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        if (text.Contains(InputPlaceholder.Text, StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"PrefixTeacher.FromText: expected a text without {InputPlaceholder.Text}, since rows come "
                + "behind it, found one with it.", nameof(text));
        }
        return new TextTeacher(text);
    }

    /// <summary>
    /// A text of each row's own, such as the part of a long document that it is about (<see cref="StudyRow.Part"/>): it
    /// stands in front of the row's input, within the template, for the teacher and not for the student. Template and
    /// text are read once for all rows of one text. It is plain: strings in it that look like special tokens are none.
    /// </summary>
    /// <param name="columnName">
    /// A text column. Rows need texts to be compared on, too: <see cref="DistillationOptions.ContinuationColumnName"/>.
    /// </param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static PrefixTeacher FromColumn(string columnName)
    {
        ArgumentException.ThrowIfNullOrEmpty(columnName);
        return new ColumnTeacher(columnName);
    }

    /// <summary>A prefix, usually a longer one, made for the same base.</summary>
    /// <param name="prefix">The prefix.</param>
    public static PrefixTeacher FromPrefix(Prefix prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return new GivenTeacher(prefix);
    }
}

internal sealed record TextTeacher(string Text) : PrefixTeacher;

internal sealed record ColumnTeacher(string ColumnName) : PrefixTeacher;

internal sealed record GivenTeacher(Prefix Prefix) : PrefixTeacher;
