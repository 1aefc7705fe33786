using System;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML;

/// <summary>Distillation of long contexts as a transform of <c>mlContext.Transforms.Text</c>.</summary>
public static class PrefixDistillationCatalog
{
    /// <summary>
    /// Makes a <see cref="PrefixDistillationEstimator"/>: it trains a short prefix with which a frozen language model
    /// writes what it writes behind a long instruction, context or prefix. Rows need no label.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read.</param>
    /// <param name="baseModel">The frozen model.</param>
    /// <param name="teacher">What the prefix takes the place of.</param>
    /// <param name="options">Everything else; null means the defaults.</param>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <remarks>Only use base models and prefixes from sources you trust.</remarks>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Text.DistillPrefix("Reply", "Question", SmolLM2.Instruct135M,
    ///     PrefixTeacher.FromText(longInstruction),
    ///     new DistillationOptions { Student = new() { Prefix = new() { Length = 16 } } });
    /// using PrefixTuningTransformer model = pipeline.Fit(questions);
    /// </code>
    /// </example>
    public static PrefixDistillationEstimator DistillPrefix(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName,
        string inputColumnName, BaseModel baseModel, PrefixTeacher teacher, DistillationOptions? options = null) =>
        new(MlNetInternals.GetEnvironment(catalog), (outputColumnName, inputColumnName), baseModel, teacher,
            options ?? new DistillationOptions());
}
