using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// Rows to training examples, once, before the first step: a bad row is found here, with its number. What is kept is
/// token ids only.
/// </summary>
/// <param name="columns">Input, label and attribute.</param>
/// <param name="encoder">Makes ids of texts.</param>
/// <param name="options">What may be done to rows.</param>
internal sealed class RowReader(FitColumns columns, RowEncoder encoder, TrainingOptions options)
{
    private readonly List<string> _warnings = [];
    private readonly SourceNumbers _sources = new();
    private readonly Dictionary<string, RowContext?> _contexts = [];

    /// <summary>Rows whose prompts were cut.</summary>
    public int Truncated { get; private set; }

    /// <summary>What a user should know of single rows, first ones first.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The attribute values of the training rows; null where there is no such column.</summary>
    public AttributeValues? Attributes { get; } = columns.Attribute is { } name ? new AttributeValues(name) : null;

    /// <summary>Reads a view.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="isTraining">Whether they are trained on: then their attributes may be new.</param>
    /// <param name="checkAlive">Called every row; throws to cancel.</param>
    /// <exception cref="ArgumentException">
    /// A row is no good; the message has its number, column, what was expected and found.
    /// </exception>
    public List<TrainingExample> Read(IDataView data, bool isTraining, Action checkAlive)
    {
        var needed = new List<DataViewSchema.Column>
        {
            TextColumns.One(data.Schema, columns.Input, "input"),
            TextColumns.OneOrSeveral(data.Schema, columns.Label, "label"),
        };
        if (columns.Attribute is { } attribute)
            needed.Add(TextColumns.One(data.Schema, attribute, "attribute"));
        if (columns.Context is { } teacher)
            needed.Add(TextColumns.One(data.Schema, teacher, "teacher"));
        var examples = new List<TrainingExample>();
        using DataViewRowCursor cursor = data.GetRowCursor(needed);
        RowLines lines = RowLines.Find(cursor.Schema);
        Func<string[]>[] readers = [.. needed.Select(column => ColumnTexts.GetReader(cursor, column))];
        while (cursor.MoveNext())
        {
            checkAlive();
            var row = new InputRow(cursor.Position, readers[0]()[0], columns.Attribute is null ? null : readers[2]()[0],
                lines.Of(cursor.Position));
            int group = Attributes is null ? 0 : isTraining ? Attributes.Learn(row) : Attributes.Find(row);
            RowContext? context = columns.Context is null ? null : Context(row, readers[^1]()[0]);
            // Several labels are as many examples; none is a label without a text.
            string[] labels = readers[1]();
            examples.AddRange((labels.Length > 0 ? labels : [""]).Select(label =>
                Encode(row, label, group, context)));
        }
        return examples;
    }

    /// <summary>What stands in front of a row; null where its text is empty.</summary>
    private RowContext? Context(InputRow row, string text)
    {
        if (_contexts.TryGetValue(text, out RowContext? known))
            return known;
        var context = new RowContext(encoder.Context(text, out int ofTemplate, out int lost), ofTemplate);
        if (lost > 0)
        {
            _warnings.Add($"{row.Place}, column '{columns.Context}': {lost} bytes have no token in the base's"
                + " vocabulary and were left out.");
        }
        return _contexts[text] = context.Length > 0 ? context : null;
    }

    private TrainingExample Encode(InputRow row, string target, int group, RowContext? context)
    {
        int[] targetIds = encoder.Target(target, out int lostTarget, out bool isEmpty);
        if (isEmpty && !options.AllowEmptyTargets)
        {
            string blank = target.Length == 0 ? "" : $" ({FileText.Quote(target)} has no token)";
            throw new ArgumentException($"{row.Place}, column '{columns.Label}': expected a text, found an"
                + $" empty one{blank} (AllowEmptyTargets is false).");
        }
        encoder.CheckTarget(row, targetIds.Length, columns.Label);
        EncodedPrompt prompt = encoder.Prompt(row, targetIds.Length, options.Truncation);
        if (prompt.IsTruncated)
            Truncated++;
        if (lostTarget + prompt.LostBytes > 0)
        {
            _warnings.Add($"{row.Place}: {lostTarget + prompt.LostBytes} bytes have no token in the base's"
                + " vocabulary and were left out.");
        }
        return new TrainingExample(prompt.Ids, targetIds, group, row.Position)
        {
            Line = row.Line,
            Opening = prompt.Opening,
            Context = context,
            Asked = context is null ? [] : encoder.BehindContext(prompt.Input!),
            Origin = _sources.Of(row),
        };
    }
}
