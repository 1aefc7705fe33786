using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A row of fields, each of which is a text.</summary>
/// <param name="place">Its file and line, for messages.</param>
/// <param name="columns">Names of the fields.</param>
/// <param name="fields">The fields, in the columns' order.</param>
internal sealed class FieldRow(string place, IReadOnlyList<string> columns, IReadOnlyList<string> fields)
    : TableRow(place, columns)
{
    public override IEnumerable<(string Name, string Json)> Properties =>
        TableColumns.Named(Columns).Zip(fields, (name, text) => (name, JsonText.Quote(text)));

    public override string? TextOrNull(int column) => fields[column];

    public override IReadOnlyList<string> Texts(int column) => [fields[column]];

    public override string JsonOrNull(int column) => JsonText.Quote(fields[column]);

    public override string Field(int column) => fields[column];
}
