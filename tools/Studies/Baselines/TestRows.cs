using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>A test row with the text that was written for it.</summary>
internal sealed class TestRow
{
    public string Input { get; set; } = "";

    [VectorType]
    public string[] Label { get; set; } = [];

    public string Group { get; set; } = "";

    public string Part { get; set; } = "";

    public string Output { get; set; } = "";
}

/// <summary>Test rows as texts, and what texts for them are worth.</summary>
internal static class TestRows
{
    /// <summary>Reads them.</summary>
    public static IReadOnlyList<TestRow> Read(PrefixSweep sweep, IDataView view)
    {
        DataViewSchema.Column[] columns =
        [
            view.Schema[sweep.InputColumnName], view.Schema[sweep.LabelColumnName],
            view.Schema[sweep.Evaluation?.GroupColumnName ?? sweep.InputColumnName],
            view.Schema[sweep.TestPartColumnName ?? sweep.InputColumnName],
        ];
        var rows = new List<TestRow>();
        using DataViewRowCursor cursor = view.GetRowCursor(columns);
        Func<string[]>[] read = [.. columns.Select(column => ColumnTexts.GetReader(cursor, column))];
        while (cursor.MoveNext())
        {
            rows.Add(new TestRow
            {
                Input = read[0]()[0],
                Label = read[1](),
                Group = read[2]()[0],
                Part = sweep.TestPartColumnName is null ? "" : read[3]()[0],
            });
        }
        return rows;
    }

    /// <summary>Lets a model write for the rows and measures its texts, as a sweep does it with a prefix.</summary>
    public static SweepOutcome Measure(MLContext context, PrefixSweep sweep, IReadOnlyList<TestRow> rows,
        TunedWriter writer, SweepOutcome outcome)
    {
        var clock = Stopwatch.StartNew();
        string[] inputs = [.. rows.Select(row => row.Input).Distinct()];
        if (sweep.TestSet is null)
            inputs = [.. inputs.Take(sweep.TextCount)];
        Dictionary<string, string> texts = writer.Write(inputs);
        foreach (TestRow row in rows.Where(row => texts.ContainsKey(row.Input)))
            row.Output = texts[row.Input];
        TextGenerationEvaluationOptions options = (sweep.Evaluation ?? new TextGenerationEvaluationOptions())
            with
        { GroupColumnName = nameof(TestRow.Group) };
        if (sweep.TestSet is not null)
        {
            outcome = SweepWriting.Measure(context, context.Data.LoadFromEnumerable(rows),
                new MeasuredColumns(nameof(TestRow.Label), nameof(TestRow.Output),
                    sweep.TestPartColumnName is null ? null : nameof(TestRow.Part)), options, outcome);
        }
        return outcome with
        {
            Texts = [.. inputs.Take(sweep.TextCount).Select(input => new SweepText(input, texts[input]))],
            WritingTime = clock.Elapsed,
        };
    }
}
