using System;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML;

/// <summary>Saving of models that no crash can halve.</summary>
public static class ModelSavingCatalog
{
    /// <summary>
    /// Saves a model so that the file is at any moment the whole former one or the whole new one: under a temporary
    /// name in the same folder first, then renamed. <c>mlContext.Model.Save(path)</c> empties the file before it
    /// writes.
    /// </summary>
    /// <param name="catalog">The catalog <c>mlContext.Model</c>.</param>
    /// <param name="model">Any transformer.</param>
    /// <param name="inputSchema">The schema that the transformer takes; may be null.</param>
    /// <param name="filePath">The file.</param>
    /// <exception cref="InvalidOperationException">
    /// The files of a prefix-tuning transformer's base changed after it was loaded, and the base is embedded or was not
    /// identified before.
    /// </exception>
    /// <exception cref="System.IO.IOException">Writing failed; the former file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">
    /// The folder may not be written; the former file is untouched.
    /// </exception>
    public static void SaveAtomically(this ModelOperationsCatalog catalog, ITransformer model,
        DataViewSchema? inputSchema,
        string filePath)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(filePath);
        AtomicFile.Write(filePath, stream => catalog.Save(model, inputSchema, stream));
    }
}
