using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Writes the texts of some rows held out, by the base alone and with what was trained.</summary>
/// <param name="session">The trained prefix on its base; stays the caller's.</param>
/// <param name="columns">Columns of the rows.</param>
/// <param name="checkAlive">Called for every token; throws to cancel.</param>
internal sealed class HeldOutExamples(TextSession session, FitColumns columns, Action checkAlive)
{
    /// <summary>The rows with their texts.</summary>
    /// <param name="view">Where they stand.</param>
    /// <param name="numbers">Their numbers, from 0.</param>
    public IReadOnlyList<WrittenExample> Write(IDataView view, IReadOnlyList<long> numbers)
    {
        if (numbers.Count == 0)
            return [];
        List<(InputRow Row, string[] Wanted)> rows = Read(view, [.. numbers]);
        InputRow[] read = [.. rows.Select(row => row.Row)];
        // A row that fits behind the prefix may not do so alone, or the other way round: it then has no text.
        TextSettings settings = session.Settings with
        {
            Generation = session.Settings.Generation with { ErrorColumnName = "Error" },
        };
        string[] byBase = Texts(settings with { AttributeColumn = null }, PrefixesByValue.ForAll(null), read);
        string[] byPrefix = Texts(settings, session.Choice, read);
        return [.. rows.Select((row, place) => new WrittenExample(row.Row.Text, row.Row.Attribute, row.Wanted,
            byBase[place], byPrefix[place]))];
    }

    private string[] Texts(TextSettings settings, PrefixesByValue choice, InputRow[] rows)
    {
        using var own = new TextSession(session.ShareBase(), settings, choice);
        return [.. own.Generate(rows, checkAlive, warn: null).Select(text => text.Texts[0])];
    }

    private List<(InputRow Row, string[] Wanted)> Read(IDataView view, HashSet<long> numbers)
    {
        DataViewSchema.Column[] needed =
        [
            TextColumns.One(view.Schema, columns.Input, "input"),
            TextColumns.OneOrSeveral(view.Schema, columns.Label, "label"),
            .. columns.Attribute is { } attribute ? [TextColumns.One(view.Schema, attribute, "attribute")]
                : Array.Empty<DataViewSchema.Column>(),
        ];
        var rows = new List<(InputRow, string[])>();
        using DataViewRowCursor cursor = view.GetRowCursor(needed);
        Func<string[]>[] readers = [.. needed.Select(column => ColumnTexts.GetReader(cursor, column))];
        while (rows.Count < numbers.Count && cursor.MoveNext())
        {
            if (!numbers.Contains(cursor.Position))
                continue;
            string? value = readers.Length > 2 ? readers[2]()[0] : null;
            rows.Add((new InputRow(cursor.Position, readers[0]()[0], value), readers[1]()));
        }
        return rows;
    }
}
