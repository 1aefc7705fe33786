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
    public static SweepOutcome Write(MLContext context, PrefixSweep sweep, ITransformer model, IDataView rows,
        SweepOutcome outcome)
    {
        var clock = Stopwatch.StartNew();
        IDataView written = model.Transform(sweep.TestSet ?? rows);
        if (sweep.TestSet is not null)
        {
            TextGenerationEvaluationOptions options = sweep.Evaluation ?? new TextGenerationEvaluationOptions();
            outcome = outcome with
            {
                Measures = SweepMeasures.Of(context.TextGeneration.Evaluate(written, sweep.LabelColumnName,
                    sweep.OutputColumnName,
                    options with { GroupColumnName = options.GroupColumnName ?? sweep.InputColumnName })),
            };
        }
        // What was measured is remembered, and not written again.
        return outcome with { Texts = FirstTexts(sweep, written), WritingTime = clock.Elapsed };
    }

    private static SweepText[] FirstTexts(PrefixSweep sweep, IDataView written)
    {
        var texts = new Dictionary<string, string>();
        DataViewSchema.Column input = written.Schema[sweep.InputColumnName];
        DataViewSchema.Column output = written.Schema[sweep.OutputColumnName];
        if (sweep.TextCount == 0)
            return [];
        using DataViewRowCursor cursor = written.GetRowCursor([input, output]);
        Func<string[]> readInput = ColumnTexts.GetReader(cursor, input);
        Func<string[]> readOutput = ColumnTexts.GetReader(cursor, output);
        while (texts.Count < sweep.TextCount && cursor.MoveNext())
            texts.TryAdd(readInput()[0], readOutput()[0]);
        return [.. texts.Select(text => new SweepText(text.Key, text.Value))];
    }
}
