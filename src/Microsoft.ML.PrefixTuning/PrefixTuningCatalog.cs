using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML;

/// <summary>Prefix-tuning and text generation as transforms of <c>mlContext.Transforms.Text</c>.</summary>
public static class PrefixTuningCatalog
{
    /// <summary>
    /// Makes a <see cref="PrefixTuningEstimator"/>: it trains a prefix, keys and values in front of every attention of
    /// a frozen language model (Li and Liang 2021), so that the model writes the label column's kind of text for the
    /// input column's.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read.</param>
    /// <param name="labelColumnName">
    /// Text column with the wanted texts; needed for <c>Fit</c> only. Of a vector of texts each is a training example.
    /// </param>
    /// <param name="baseModel">The frozen model.</param>
    /// <param name="options">Everything else; null means the defaults.</param>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <remarks>Only use base models from sources you trust.</remarks>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Text.PrefixTune(
    ///     outputColumnName: "Description", inputColumnName: "Facts", labelColumnName: "Reference",
    ///     baseModel: SmolLM2.Instruct135M);
    /// using PrefixTuningTransformer model = pipeline.Fit(rows);
    /// IDataView described = model.Transform(newRows);
    /// </code>
    /// </example>
    public static PrefixTuningEstimator PrefixTune(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName,
        string inputColumnName, string labelColumnName, BaseModel baseModel, PrefixTuningOptions? options = null) =>
        new(MlNetInternals.GetEnvironment(catalog),
            new FitColumns(outputColumnName, inputColumnName, labelColumnName, options?.AttributeColumnName),
            baseModel, options ?? new PrefixTuningOptions());

    /// <summary>
    /// Makes a <see cref="TextGenerationEstimator"/>: a frozen language model writes a text for every row, with a given
    /// prefix or by itself. Its <c>Fit</c> trains nothing.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read; null means the output column's name.</param>
    /// <param name="baseModel">The frozen model.</param>
    /// <param name="prefix">A prefix made for this model; null for the model's own text.</param>
    /// <param name="options">Everything else; null means the defaults.</param>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <remarks>Only use base models and prefixes from sources you trust.</remarks>
    public static TextGenerationEstimator GenerateText(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName,
        string? inputColumnName, BaseModel baseModel, Prefix? prefix = null, TextGenerationOptions? options = null) =>
        new(MlNetInternals.GetEnvironment(catalog),
            new WrittenColumns(outputColumnName, inputColumnName ?? outputColumnName),
            baseModel, PrefixesByValue.ForAll(prefix), options ?? new TextGenerationOptions());

    /// <summary>
    /// Makes a <see cref="TextGenerationEstimator"/> that serves several prefixes on one base: a column says which one
    /// a row carries, and rows with different prefixes are worked on at once. The prefixes may have been trained
    /// independently of each other; they share columns, template and decoding. Its <c>Fit</c> trains nothing.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read; null means the output column's name.</param>
    /// <param name="baseModel">The frozen model.</param>
    /// <param name="prefixes">Prefixes made for this model, by the value of the attribute column.</param>
    /// <param name="attributeColumnName">Text column that picks the prefix.</param>
    /// <param name="options">
    /// Everything else, such as <see cref="TextGenerationOptions.UnseenAttributePrefix"/>; null means the defaults.
    /// </param>
    /// <exception cref="ArgumentException">
    /// There is no prefix, or an option has no good value; the message names each one.
    /// </exception>
    /// <remarks>Only use base models and prefixes from sources you trust.</remarks>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.Text.GenerateText("Answer", "Text", SmolLM2.Instruct135M,
    /// prefixes: new Dictionary&lt;string, Prefix&gt; { ["describe"] = describing.Prefix, ["shorten"] =
    /// shortening.Prefix },
    ///     attributeColumnName: "Task");
    /// </code>
    /// </example>
    public static TextGenerationEstimator GenerateText(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName,
        string? inputColumnName, BaseModel baseModel, IReadOnlyDictionary<string, Prefix> prefixes,
            string attributeColumnName,
        TextGenerationOptions? options = null)
    {
        PrefixesByValue choice =
            PrefixesByValue.ByColumn(prefixes, attributeColumnName, options?.UnseenAttributePrefix);
        return new(MlNetInternals.GetEnvironment(catalog),
            new WrittenColumns(outputColumnName, inputColumnName ?? outputColumnName, attributeColumnName),
            baseModel, choice, options ?? new TextGenerationOptions());
    }

    /// <summary>
    /// Makes a <see cref="TokenCountingEstimator"/>: it counts the tokens that a base model makes of a text column, as
    /// rows become tokens, without begin and end tokens. Only the tokenizer is read.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column of type Int32 that takes the counts.</param>
    /// <param name="inputColumnName">Text column that is read; null means the output column's name.</param>
    /// <param name="baseModel">The model whose tokens are counted.</param>
    public static TokenCountingEstimator CountTokens(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName, string? inputColumnName, BaseModel baseModel) =>
        new(MlNetInternals.GetEnvironment(catalog),
            new WrittenColumns(outputColumnName, inputColumnName ?? outputColumnName), baseModel);
}
