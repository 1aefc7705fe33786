using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>The columns of a transformer that is made without data.</summary>
/// <param name="Input">Is read.</param>
/// <param name="Output">Takes the text.</param>
internal sealed record GeneratorColumns(string Input, string Output)
{
    /// <summary>A view without rows that has the input column.</summary>
    public IDataView MakeEmptyView(MLContext mlContext)
    {
        var definition = SchemaDefinition.Create(typeof(OneText));
        definition[nameof(OneText.Text)].ColumnName = Input;
        return mlContext.Data.LoadFromEnumerable<OneText>([], definition);
    }

    private sealed class OneText
    {
        public string Text { get; set; } = "";
    }
}
