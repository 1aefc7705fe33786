using System.Collections.Generic;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A line of a description.</summary>
/// <param name="Name">What.</param>
/// <param name="Value">Its value.</param>
internal sealed record Described(string Name, string Value);

/// <summary>Descriptions as tables of two columns.</summary>
internal static class DescriptionTable
{
    /// <summary>Lays it out.</summary>
    public static Table Make(IEnumerable<Described> lines)
    {
        Table table = new Table().NoBorder().HideHeaders().AddColumn(new TableColumn("").NoWrap().PadRight(2)).AddColumn("");
        foreach (Described line in lines)
            table.AddRow(Markup.Escape(line.Name), Markup.Escape(line.Value));
        return table;
    }
}
