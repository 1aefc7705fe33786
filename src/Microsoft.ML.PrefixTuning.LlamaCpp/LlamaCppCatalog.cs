using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML;

/// <summary>Text generation through llama.cpp as a transform of <c>mlContext.Transforms.Text</c>.</summary>
public static class LlamaCppCatalog
{
    /// <summary>
    /// As <c>GenerateText</c>, with llama.cpp as what computes the base, a GGUF file: <c>Fit</c> loads it and trains
    /// nothing. The transformer cannot be saved; its prefixes can.
    /// </summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read; null means the output column's name.</param>
    /// <param name="baseModel">The GGUF file.</param>
    /// <param name="prefix">A prefix made for this model, quantised or not; null for the model's own text.</param>
    /// <param name="options">Everything else; null means the defaults. Precision and device are llama.cpp's.</param>
    /// <param name="llamaCpp">How llama.cpp runs the base; null means the defaults.</param>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <remarks>
    /// What <c>Fit</c> refuses, and what the application references, is told at
    /// <see cref="LlamaCppGenerator.FromGguf(string, IReadOnlyDictionary{string, Prefix}?, TextGenerationOptions?,
    /// TextGeneratorOptions?, LlamaCppOptions?)"/>.
    /// </remarks>
    public static TextGenerationEstimator GenerateTextWithLlamaCpp(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName, string? inputColumnName, BaseModel baseModel, Prefix? prefix = null,
        TextGenerationOptions? options = null, LlamaCppOptions? llamaCpp = null) =>
        Make(catalog, new WrittenColumns(outputColumnName, inputColumnName ?? outputColumnName), baseModel,
            PrefixesByValue.ForAll(prefix), options, llamaCpp);

    /// <summary>The same with several prefixes: a column says which one a row carries.</summary>
    /// <param name="catalog">The text transforms' catalog.</param>
    /// <param name="outputColumnName">Column that takes the generated text.</param>
    /// <param name="inputColumnName">Text column that is read; null means the output column's name.</param>
    /// <param name="baseModel">The GGUF file.</param>
    /// <param name="prefixes">Prefixes made for this model, by the value of the attribute column.</param>
    /// <param name="attributeColumnName">Text column that picks the prefix.</param>
    /// <param name="options">Everything else; null means the defaults. Precision and device are llama.cpp's.</param>
    /// <param name="llamaCpp">How llama.cpp runs the base; null means the defaults.</param>
    /// <exception cref="ArgumentException">
    /// There is no prefix, or an option has no good value; the message names each one.
    /// </exception>
    public static TextGenerationEstimator GenerateTextWithLlamaCpp(this TransformsCatalog.TextTransforms catalog,
        string outputColumnName, string? inputColumnName, BaseModel baseModel,
        IReadOnlyDictionary<string, Prefix> prefixes, string attributeColumnName,
        TextGenerationOptions? options = null, LlamaCppOptions? llamaCpp = null) =>
        Make(catalog, new WrittenColumns(outputColumnName, inputColumnName ?? outputColumnName, attributeColumnName),
            baseModel, PrefixesByValue.ByColumn(prefixes, attributeColumnName, options?.UnseenAttributePrefix), options,
            llamaCpp);

    private static TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, WrittenColumns columns,
        BaseModel baseModel, PrefixesByValue prefixes, TextGenerationOptions? options, LlamaCppOptions? llamaCpp)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(baseModel);
        (options, llamaCpp) = (options ?? new TextGenerationOptions(), llamaCpp ?? new LlamaCppOptions());
        LlamaCppSettings.Check(options, llamaCpp);
        return new TextGenerationEstimator(MlNetInternals.GetEnvironment(catalog), columns, baseModel, prefixes,
            options, (host, settings) =>
            {
                LlamaBase described = LlamaBase.Read(baseModel, prefixes.All);
                BaseLoader.WarnOfFormerRules(host, described.Rules, described.FormerRules, "A prefix");
                return new LlamaEngine(LlamaModel.Load(described, llamaCpp, settings.Threads));
            });
    }
}
