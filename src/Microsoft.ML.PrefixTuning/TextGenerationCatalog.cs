using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Adds text generation to <see cref="MLContext"/>.</summary>
public static class TextGenerationExtensions
{
    extension(MLContext mlContext)
    {
        /// <summary>Operations on generated texts.</summary>
        public TextGenerationCatalog TextGeneration => new(mlContext);
    }
}

/// <summary>Operations on generated texts.</summary>
public sealed class TextGenerationCatalog
{
    private readonly IHostEnvironment _environment;

    internal TextGenerationCatalog(MLContext mlContext)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        _environment = MlNetInternals.GetEnvironment(mlContext.Transforms.Text);
    }

    /// <summary>Measures generated texts against the texts wanted.</summary>
    /// <remarks>All rows are held in memory.</remarks>
    /// <param name="data">Rows with labels and outputs.</param>
    /// <param name="labelColumnName">Texts wanted: one a row, or several as a vector. Empty ones stand for references
    /// that are missing; a row or group without any is measured against an empty text.</param>
    /// <param name="outputColumnName">The text generated for the row; of a vector of texts the first one.</param>
    /// <param name="options">What may be chosen.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or has another type.</exception>
    /// <exception cref="ArgumentException">A row's group is missing: an empty text or a missing key.</exception>
    /// <exception cref="System.IO.IOException">The folder of <see cref="TextGenerationEvaluationOptions.MeteorFolder"/>
    /// has none of the files.</exception>
    /// <exception cref="OperationCanceledException">The context was told to cancel.</exception>
    /// <example>
    /// <code>
    /// TextGenerationMetrics metrics = mlContext.TextGeneration.Evaluate(model.Transform(test), "Reference",
    /// "Description");
    /// </code>
    /// </example>
    public TextGenerationMetrics Evaluate(IDataView data, string labelColumnName, string outputColumnName,
        TextGenerationEvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(labelColumnName);
        ArgumentException.ThrowIfNullOrEmpty(outputColumnName);
        options ??= new TextGenerationEvaluationOptions();
        var columns = new EvaluationColumns(data.Schema, labelColumnName, outputColumnName, options.GroupColumnName);
        return TextGenerationMetrics.Of(ReadSegments(data, columns), options);
    }

    private List<Segment> ReadSegments(IDataView data, EvaluationColumns columns)
    {
        var outputs = new List<string>();
        var references = new List<List<string>>();
        var places = new Dictionary<object, int>();
        using DataViewRowCursor cursor = data.GetRowCursor(columns.Needed);
        Func<IReadOnlyList<string>> readLabels = columns.GetLabelReader(cursor);
        Func<object?> readGroup = columns.GetGroupReader(cursor);
        Func<string> readOutput = columns.GetOutputReader(cursor);
        while (cursor.MoveNext())
        {
            MlNetInternals.CheckAlive(_environment);
            if (readGroup() is { } group && !places.TryAdd(group, outputs.Count))
            {
                references[places[group]].AddRange(readLabels());
                continue;
            }
            outputs.Add(readOutput());
            references.Add([.. readLabels()]);
        }
        return [.. outputs.Zip(references, MakeSegment)];
    }

    private static Segment MakeSegment(string output, List<string> references) =>
        references.Count > 0 ? new Segment(output, references) : new Segment(output, "");
}
