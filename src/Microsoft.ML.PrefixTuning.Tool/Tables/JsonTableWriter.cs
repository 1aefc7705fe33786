using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// A JSON object a row: its own properties as they were, and the new ones; several texts as an array.
/// </summary>
/// <param name="columns">The columns of the rows that come.</param>
/// <param name="added">New columns.</param>
/// <param name="isArray">Whether the objects are the items of one array; else each is a line.</param>
internal sealed class JsonTableWriter(IReadOnlyList<string> columns, IReadOnlyList<AddedColumn> added, bool isArray)
    : TableWriter
{
    private readonly HashSet<string> _replaced =
        [.. added.SelectMany(column => column.Former(columns).Prepend(column.Name))];

    public override string Start => isArray ? "[\n" : "";

    public override string Between => isArray ? ",\n" : "";

    public override string End => isArray ? "\n]\n" : "";

    public override string Row(TableRow row, IReadOnlyList<string[]> texts)
    {
        IEnumerable<string> own = row.Properties.Where(property => !_replaced.Contains(property.Name))
            .Select(property => $"{JsonText.Quote(property.Name)}:{property.Json}");
        IEnumerable<string> made =
            added.Zip(texts, (column, text) => $"{JsonText.Quote(column.Name)}:{Value(column, text)}");
        return $"{{{string.Join(',', own.Concat(made))}}}{(isArray ? "" : "\n")}";
    }

    private static string Value(AddedColumn column, string[] texts) =>
        column.Count == 1 ? JsonText.Quote(texts[0]) : $"[{string.Join(',', texts.Select(JsonText.Quote))}]";
}
