using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML;

/// <summary>Cross-validation of prefixes.</summary>
public static class CrossValidationCatalog
{
    /// <summary>
    /// Trains as many times as there are folds, each time without the rows of one, and measures the texts that are
    /// written for these. The base is loaded once. Rows of one input are in one fold.
    /// </summary>
    /// <param name="catalog">The catalog <c>mlContext.TextGeneration</c>.</param>
    /// <param name="data">All rows.</param>
    /// <param name="estimator">What is trained. Its options hold for each fold; none may be a state file.</param>
    /// <param name="folds">Parts of the data, at least 2.</param>
    /// <param name="evaluation">What is measured; null means the defaults.</param>
    /// <param name="seed">Seed of the parts; null for that of the context.</param>
    /// <returns>What came of each fold, in their order. Prefixes are not kept.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="folds"/> is below 2.</exception>
    /// <exception cref="ArgumentException">
    /// A row is no good, a fold has no row, the estimator writes a column of the name of the label or group column, or
    /// it keeps a state file, which all folds would share.
    /// </exception>
    /// <exception cref="System.IO.IOException">The folder of <see cref="TextGenerationEvaluationOptions.MeteorFolder"/>
    /// has none of the files.</exception>
    /// <exception cref="OperationCanceledException">The context or the options were told to cancel.</exception>
    /// <example>
    /// <code>
    /// var folds = mlContext.TextGeneration.CrossValidate(rows, pipeline, folds: 5);
    /// double bleu = folds.Average(fold => fold.Metrics.Bleu);
    /// </code>
    /// </example>
    public static IReadOnlyList<CrossValidationFold> CrossValidate(this TextGenerationCatalog catalog, IDataView data,
        PrefixTuningEstimator estimator, int folds = 5, TextGenerationEvaluationOptions? evaluation = null,
        int? seed = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(estimator);
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        if (estimator.KeepsState)
        {
            throw new ArgumentException("Training.StateFile: expected null in a cross-validation, whose folds would"
                + " share it, found a path.", nameof(estimator));
        }
        evaluation ??= new TextGenerationEvaluationOptions();
        CheckMeasuring(data, estimator, evaluation);
        DataOperationsCatalog.TrainTestData[] parts =
            [.. catalog.Context.Data.CrossValidationSplit(data, folds, estimator.InputColumn, seed)];
        CheckParts(parts);
        var results = new List<CrossValidationFold>();
        using BaseLease held = estimator.HoldBase();
        foreach (DataOperationsCatalog.TrainTestData part in parts)
        {
            using PrefixTuningTransformer model = estimator.Fit(part.TrainSet);
            TextGenerationMetrics metrics = Cancelling.By(estimator.CheckAlive, () => catalog.Evaluate(
                model.Transform(part.TestSet), estimator.LabelColumn, model.OutputColumnName, evaluation));
            results.Add(new CrossValidationFold(results.Count, model.TrainingSummary!, metrics));
        }
        return results;
    }

    /// <summary>Refuses before the first training what could not be measured behind it.</summary>
    private static void CheckMeasuring(IDataView data, PrefixTuningEstimator estimator,
        TextGenerationEvaluationOptions evaluation)
    {
        Faults.Throw(evaluation.Check);
        foreach (string written in estimator.WrittenColumns)
        {
            if (ColumnRoles.HiddenBy(written, ("label", estimator.LabelColumn), ("group", evaluation.GroupColumnName))
                is { } role)
            {
                throw new ArgumentException($"Expected an estimator that writes into another column than the {role}"
                    + $" column, which its texts are measured by, found one that writes into '{written}'.",
                    nameof(estimator));
            }
        }
        // The texts are not there yet.
        _ = new EvaluationColumns(data.Schema, estimator.LabelColumn, estimator.LabelColumn,
            evaluation.GroupColumnName);
        Measurement.Check(evaluation);
    }

    /// <summary>Refuses folds of which one has no row, whose texts could not be measured.</summary>
    private static void CheckParts(DataOperationsCatalog.TrainTestData[] parts)
    {
        int empty = Array.FindIndex(parts, part => !RowSubset.HasRows(part.TestSet));
        if (empty >= 0)
        {
            throw new ArgumentException($"Expected rows in each of {parts.Length} folds, found none in fold {empty}"
                + " (the first is 0): rows of one input are in one fold, and there may be too few inputs.", "folds");
        }
    }
}
