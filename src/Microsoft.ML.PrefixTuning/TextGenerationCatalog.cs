using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.MlNet;
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
        Context = mlContext;
        _environment = MlNetInternals.GetEnvironment(mlContext.Transforms.Text);
    }

    /// <summary>The context that has this catalog.</summary>
    internal MLContext Context { get; }

    /// <summary>Measures generated texts against the texts wanted.</summary>
    /// <remarks>All rows are held in memory.</remarks>
    /// <param name="data">Rows with labels and outputs.</param>
    /// <param name="labelColumnName">Texts wanted: one a row, or several as a vector. Empty ones stand for references
    /// that are missing; a row or group without any is measured against an empty text.</param>
    /// <param name="outputColumnName">The text generated for the row; of a vector of texts the first one.</param>
    /// <param name="options">What may be chosen.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or has another type.</exception>
    /// <exception cref="ArgumentException">There are no rows; a row's group is missing: an empty text or a missing
    /// key; labels and outputs are one column; or <paramref name="options"/> asks for metrics that there are not.
    /// </exception>
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
        Faults.Throw(options.Check);
        if (labelColumnName == outputColumnName)
        {
            throw new ArgumentException("Expected another column than that of the labels, with which its texts would be"
                + $" equal, found '{outputColumnName}' for both.", nameof(outputColumnName));
        }
        var columns = new EvaluationColumns(data.Schema, labelColumnName, outputColumnName, options.GroupColumnName);
        Measurement.Check(options);
        IReadOnlyList<Segment> segments =
            SegmentReader.Read(data, columns, () => MlNetInternals.CheckAlive(_environment));
        return segments.Count > 0 ? Measurement.Of(segments, options)
            : throw new ArgumentException("Expected rows to measure, found none.", nameof(data));
    }
}
