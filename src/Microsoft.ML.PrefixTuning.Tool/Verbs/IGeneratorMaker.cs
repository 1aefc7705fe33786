using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Makes estimators that write texts over a base, whatever computes it.</summary>
internal interface IGeneratorMaker
{
    /// <summary>One prefix, or none, for all rows.</summary>
    TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns, Prefix? prefix,
        TextGenerationOptions options);

    /// <summary>A prefix for each value of the attribute column.</summary>
    TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns,
        IReadOnlyDictionary<string, Prefix> prefixes, TextGenerationOptions options);
}

/// <summary>Over a base that this library computes.</summary>
/// <param name="baseModel">The base.</param>
internal sealed class OwnGenerators(BaseModel baseModel) : IGeneratorMaker
{
    public TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns,
        Prefix? prefix, TextGenerationOptions options) =>
        catalog.GenerateText(columns.Output, columns.Input, baseModel, prefix, options);

    public TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns,
        IReadOnlyDictionary<string, Prefix> prefixes, TextGenerationOptions options) =>
        catalog.GenerateText(columns.Output, columns.Input, baseModel, prefixes, columns.Attribute!, options);
}

/// <summary>Over a base that llama.cpp computes.</summary>
/// <param name="baseModel">The base.</param>
/// <param name="llamaCpp">How it does.</param>
internal sealed class LlamaCppGenerators(BaseModel baseModel, LlamaCppOptions llamaCpp) : IGeneratorMaker
{
    public TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns,
        Prefix? prefix, TextGenerationOptions options) =>
        catalog.GenerateTextWithLlamaCpp(columns.Output, columns.Input, baseModel, prefix, options, llamaCpp);

    public TextGenerationEstimator Make(TransformsCatalog.TextTransforms catalog, GeneratorColumns columns,
        IReadOnlyDictionary<string, Prefix> prefixes, TextGenerationOptions options) =>
        catalog.GenerateTextWithLlamaCpp(columns.Output, columns.Input, baseModel, prefixes, columns.Attribute!,
            options, llamaCpp);
}
