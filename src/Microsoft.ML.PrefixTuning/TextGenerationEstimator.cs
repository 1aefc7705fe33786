using System;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Writes texts with a frozen language model and a given prefix, none, or one an attribute.</summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// To create this estimator, use [GenerateText](xref:Microsoft.ML.PrefixTuningCatalog.GenerateText*).
///
/// ### Estimator Characteristics
/// |  |  |
/// | -- | -- |
/// | Does this estimator need to look at the data to train its parameters? | No |
/// | Input column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType) |
/// | Output column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), or a vector of it for several sequences
/// |
/// | Exportable to ONNX | No |
/// ]]></format>
/// </remarks>
public sealed class TextGenerationEstimator : IEstimator<PrefixTuningTransformer>
{
    private readonly IHost _host;
    private readonly PrefixesByValue _prefixes;
    private readonly TextSettings _settings;
    private readonly Func<IHost, TextSettings, ITextEngine> _open;

    /// <param name="environment">The host.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="baseModel">The base.</param>
    /// <param name="prefixes">Which prefix a row carries.</param>
    /// <param name="options">Everything else.</param>
    /// <param name="open">Loads the base; null where this library computes it.</param>
    internal TextGenerationEstimator(IHostEnvironment environment, WrittenColumns columns, BaseModel baseModel,
        PrefixesByValue prefixes, TextGenerationOptions options, Func<IHost, TextSettings, ITextEngine>? open = null)
    {
        columns.Check();
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(options);
        Faults.Throw(options.Check);
        if (columns.Attribute is null && options.UnseenAttributePrefix is not null)
            throw new ArgumentException(
                "UnseenAttributePrefix: expected null without an attribute column, found a prefix.", nameof(options));
        _host = environment.Register(nameof(TextGenerationEstimator));
        _prefixes = prefixes;
        _open = open ?? ((host, settings) =>
            new BaseEngine(BaseLoader.Acquire(host, baseModel, settings.Used, options.Device, prefixes)));
        _settings = new TextSettings(columns.Output, columns.Input, options.Template, options.Generation,
            options.Precision,
            options.EmbedBase)
        { AttributeColumn = columns.Attribute, Products = options.Products, Threads = options.Threads };
        _settings.CheckErrorColumn(labelColumn: null);
    }

    /// <summary>Loads the base; the data is looked at for its schema only.</summary>
    /// <param name="input">Any view with the input column, and the attribute column where there is one.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    /// <exception cref="ArgumentException">A banned word has no token in the base.</exception>
    /// <exception cref="InvalidOperationException">
    /// A prefix was made for another base, or prefixes by rules of several versions, by which this base's texts become
    /// other tokens.
    /// </exception>
    public PrefixTuningTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        GeneratedTextSchema.Read(input.Schema, _settings);
        TextSettings settings = _settings.Decided();
        return new PrefixTuningTransformer(_host, new TextSession(_open(_host, settings), settings, _prefixes), null);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) =>
        GeneratedTextSchema.Promise(inputSchema, _settings, null);
}
