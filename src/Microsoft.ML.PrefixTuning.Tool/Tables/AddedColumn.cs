using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A column that rows get; it takes the place of one of the same name.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Count">Texts a row.</param>
internal sealed record AddedColumn(string Name, int Count)
{
    /// <summary>Whether it has one text a row in every run, such as a message.</summary>
    public bool IsSingle { get; init; }

    /// <summary>Names of one column a text: the name, then the name with a number.</summary>
    public IEnumerable<string> Names => Enumerable.Range(1, Count).Select(NameOf);

    /// <summary>
    /// Columns of the rows with further texts of a former run, which may have written more of them or fewer: those with
    /// the next numbers behind a column of the same name.
    /// </summary>
    /// <param name="columns">The columns of the rows.</param>
    public IReadOnlyList<string> Former(IReadOnlyList<string> columns) =>
        IsSingle || !columns.Contains(Name) ? []
            : [.. Enumerable.Range(2, columns.Count).Select(NameOf).TakeWhile(columns.Contains)];

    /// <summary>Refuses columns for which a table of a format has no place.</summary>
    /// <param name="format">The table's format.</param>
    /// <param name="added">The columns.</param>
    /// <exception cref="UsageException">Lines of one text would get several, or two columns have one name.</exception>
    public static void Check(TableFormat format, IReadOnlyList<AddedColumn> added)
    {
        bool hasArrays = format is TableFormat.Json or TableFormat.Jsonl;
        string[] names = [.. added.SelectMany(column => hasArrays ? [column.Name] : column.Names)];
        if (format == TableFormat.Text && names.Length > 1)
        {
            throw new UsageException(FormattableString.Invariant(
                $"--to: expected one text a row, for a line of the format text has no other, found {names.Length}")
                + $" ('{names[0]}', '{names[1]}'{(names.Length > 2 ? ", ..." : "")}); those with columns are"
                + $" {TableFormats.InWords(TableFormats.WithColumns)} (--to-format).");
        }
        if (names.CountBy(name => name).FirstOrDefault(name => name.Value > 1) is { Key: { } twice })
        {
            throw new UsageException($"expected a name of its own for every column that is written, found '{twice}'"
                + " twice; --output and --error-column name them.");
        }
    }

    private string NameOf(int number) => number == 1 ? Name : $"{Name}.{number}";
}
