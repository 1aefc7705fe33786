using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>What a trained run writes, and how good that is.</summary>
internal static class SweepWriting
{
    /// <summary>Lets a model write for the test rows, measures the texts and keeps the first ones.</summary>
    /// <param name="context">Measures.</param>
    /// <param name="sweep">The test rows.</param>
    /// <param name="model">The model.</param>
    /// <param name="rows">Rows whose first inputs are shown where there are no test rows.</param>
    /// <param name="outcome">Takes all that.</param>
    public static SweepOutcome Write(MLContext context, PrefixSweep sweep, PrefixTuningTransformer model,
        IDataView rows, SweepOutcome outcome)
    {
        var clock = Stopwatch.StartNew();
        IDataView written = model.Transform(sweep.TestSet ?? rows, sweep.CancellationToken);
        if (sweep.TestSet is not null)
        {
            TextGenerationEvaluationOptions options = sweep.Evaluation ?? new TextGenerationEvaluationOptions();
            outcome = Measure(context, written,
                new MeasuredColumns(sweep.LabelColumnName, sweep.OutputColumnName, sweep.TestPartColumnName),
                options with { GroupColumnName = options.GroupColumnName ?? sweep.InputColumnName }, outcome);
        }
        // What was measured is remembered, and not written again.
        return outcome with { Texts = FirstTexts(sweep, written), WritingTime = clock.Elapsed };
    }

    /// <summary>Measures of written rows: of all, and of each part where there are parts.</summary>
    /// <param name="context">Measures.</param>
    /// <param name="written">The rows.</param>
    /// <param name="columns">Their columns.</param>
    /// <param name="options">What is measured.</param>
    /// <param name="outcome">Takes measures and what must be known of them.</param>
    public static SweepOutcome Measure(MLContext context, IDataView written, MeasuredColumns columns,
        TextGenerationEvaluationOptions options, SweepOutcome outcome)
    {
        TextGenerationMetrics whole = Of(written);
        var measures = new Dictionary<string, double>(SweepMeasures.Of(whole));
        List<string> notes = [.. whole.Notes];
        foreach ((string part, HashSet<long> places) in Parts(written, columns.Part))
        {
            TextGenerationMetrics own = Of(new RowSubset(written, places));
            foreach ((string name, double value) in SweepMeasures.Of(own))
                measures.Add($"{name}, {part}", value);
            notes.AddRange(own.Notes.Where(note => !notes.Exists(known => SweepMeasures.AreAlike(known, note)))
                .Select(note => $"{note} (So in the part '{part}'.)").ToArray());
        }
        return outcome with { Measures = measures, Notes = notes };

        TextGenerationMetrics Of(IDataView rows) =>
            context.TextGeneration.Evaluate(rows, columns.Label, columns.Output, options);
    }

    private static SortedDictionary<string, HashSet<long>> Parts(IDataView written, string? name)
    {
        var parts = new SortedDictionary<string, HashSet<long>>(StringComparer.Ordinal);
        if (name is null)
            return parts;
        DataViewSchema.Column column = TextColumns.One(written.Schema, name, "part");
        using DataViewRowCursor cursor = written.GetRowCursor([column]);
        Func<string[]> read = ColumnTexts.GetReader(cursor, column);
        for (long place = 0; cursor.MoveNext(); place++)
        {
            string part = read()[0];
            if (!parts.TryGetValue(part, out HashSet<long>? places))
                parts.Add(part, places = []);
            places.Add(place);
        }
        return parts;
    }

    private static SweepText[] FirstTexts(PrefixSweep sweep, IDataView written)
    {
        if (sweep.TextCount == 0)
            return [];
        var texts = new Dictionary<string, string>();
        DataViewSchema.Column input = written.Schema[sweep.InputColumnName];
        DataViewSchema.Column output = written.Schema[sweep.OutputColumnName];
        using DataViewRowCursor cursor = written.GetRowCursor([input, output]);
        Func<string[]> readInput = ColumnTexts.GetReader(cursor, input);
        Func<string[]> readOutput = ColumnTexts.GetReader(cursor, output);
        while (texts.Count < sweep.TextCount && cursor.MoveNext())
            texts.TryAdd(readInput()[0], readOutput()[0]);
        return [.. texts.Select(text => new SweepText(text.Key, text.Value))];
    }
}

/// <summary>The columns of rows that are measured.</summary>
/// <param name="Label">The wanted texts.</param>
/// <param name="Output">The written ones.</param>
/// <param name="Part">What parts the rows; null for nothing.</param>
internal sealed record MeasuredColumns(string Label, string Output, string? Part);
