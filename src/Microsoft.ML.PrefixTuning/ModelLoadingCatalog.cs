using System;
using System.IO;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;

namespace Microsoft.ML;

/// <summary>Loading of models whose bases the caller finds.</summary>
public static class ModelLoadingCatalog
{
    /// <summary>
    /// Loads a model, asking a function where the base of each prefix lies that does not carry it. Where the function
    /// does not know, the base is looked for as without it: where it lay, in <c>base-models/</c> beside the
    /// application, where the environment variable <c>PREFIX_TUNING_BASE_MODELS</c> and the application setting
    /// <c>Microsoft.ML.PrefixTuning.BaseModelFolder</c> say. Wherever it is found, it must be the one that the prefix
    /// was made for.
    /// </summary>
    /// <param name="catalog">The catalog <c>mlContext.Model</c>.</param>
    /// <param name="filePath">The file.</param>
    /// <param name="inputSchema">The schema that the model was saved with; null where it was saved without.</param>
    /// <param name="findBase">
    /// Gives the folder of a base as Hugging Face lays it out, or a <c>.gguf</c> file; null where it does not know.
    /// </param>
    /// <exception cref="FileNotFoundException">The base is at none of the places; the message names each.</exception>
    /// <exception cref="InvalidOperationException">
    /// What is there is another base, a broken one or part of one; the message says so for each place.
    /// </exception>
    /// <exception cref="FormatException">The model is broken.</exception>
    /// <exception cref="OperationCanceledException">The context was told to cancel.</exception>
    /// <example>
    /// <code>
    /// ITransformer model = mlContext.Model.Load("describe.zip", out _,
    ///     needed => Path.Combine("/models", needed.Name));
    /// </code>
    /// </example>
    public static ITransformer Load(this ModelOperationsCatalog catalog, string filePath,
        out DataViewSchema inputSchema, Func<NeededBase, string?> findBase)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(findBase);
        DataViewSchema? schema = null;
        ITransformer loaded = BaseLocator.FindBy(findBase, () => catalog.Load(filePath, out schema));
        inputSchema = schema!;
        return loaded;
    }

    /// <inheritdoc cref="Load(ModelOperationsCatalog, string, out DataViewSchema, Func{NeededBase, string?})"/>
    /// <param name="catalog">The catalog <c>mlContext.Model</c>.</param>
    /// <param name="stream">The file's content.</param>
    /// <param name="inputSchema">The schema that the model was saved with; null where it was saved without.</param>
    /// <param name="findBase">
    /// Gives the folder of a base as Hugging Face lays it out, or a <c>.gguf</c> file; null where it does not know.
    /// </param>
    public static ITransformer Load(this ModelOperationsCatalog catalog, Stream stream, out DataViewSchema inputSchema,
        Func<NeededBase, string?> findBase)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(findBase);
        DataViewSchema? schema = null;
        ITransformer loaded = BaseLocator.FindBy(findBase, () => catalog.Load(stream, out schema));
        inputSchema = schema!;
        return loaded;
    }
}
