using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>The columns of a transformer that is made without data.</summary>
/// <param name="Input">Is read.</param>
/// <param name="Output">Takes the text.</param>
/// <param name="Attribute">Chooses a row's prefix; null where all rows have the same.</param>
internal sealed record GeneratorColumns(string Input, string Output, string? Attribute = null)
{
    /// <summary>Tells rows of one input apart under sampling; null where nothing does.</summary>
    public string? Draw { get; init; }

    /// <summary>A view without rows that has the columns that are read.</summary>
    public IDataView MakeEmptyView(MLContext mlContext)
    {
        var definition = SchemaDefinition.Create(typeof(Texts));
        definition[nameof(Texts.Text)].ColumnName = Input;
        if (Attribute is null)
            definition.Remove(definition[nameof(Texts.Value)]);
        else
            definition[nameof(Texts.Value)].ColumnName = Attribute;
        if (Draw is null || Draw == Input || Draw == Attribute)
            definition.Remove(definition[nameof(Texts.Number)]);
        else
            definition[nameof(Texts.Number)].ColumnName = Draw;
        return mlContext.Data.LoadFromEnumerable<Texts>([], definition);
    }

    private sealed class Texts
    {
        public string Text { get; set; } = "";

        public string Value { get; set; } = "";

        public string Number { get; set; } = "";
    }
}
