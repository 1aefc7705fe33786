using System;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Writes texts with a frozen language model and a given prefix or none.</summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// To create this estimator, use [GenerateText](xref:Microsoft.ML.PrefixTuningCatalog.GenerateText*).
///
/// ### Estimator Characteristics
/// |  |  |
/// | -- | -- |
/// | Does this estimator need to look at the data to train its parameters? | No |
/// | Input column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType) |
/// | Output column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), or a vector of it for several sequences |
/// | Exportable to ONNX | No |
/// ]]></format>
/// </remarks>
public sealed class TextGenerationEstimator : IEstimator<PrefixTuningTransformer>
{
    private readonly IHost _host;
    private readonly BaseModel _baseModel;
    private readonly Prefix? _prefix;
    private readonly TextGenerationOptions _options;
    private readonly TextSettings _settings;

    internal TextGenerationEstimator(IHostEnvironment environment, string outputColumn, string inputColumn,
        BaseModel baseModel, Prefix? prefix, TextGenerationOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(outputColumn, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(inputColumn, "inputColumnName");
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(options);
        OptionsCheck.Check(options);
        _host = environment.Register(nameof(TextGenerationEstimator));
        (_baseModel, _prefix, _options) = (baseModel, prefix, options);
        _settings = new TextSettings(outputColumn, inputColumn, options.Template, options.Generation, options.Precision,
            options.EmbedBase);
    }

    /// <summary>Loads the base; the data is looked at for its schema only.</summary>
    /// <param name="input">Any view with the input column.</param>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    /// <exception cref="InvalidOperationException">The prefix was made for another base.</exception>
    public PrefixTuningTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        GeneratedTextSchema.Input(input.Schema, _settings.InputColumn);
        BaseLease lease = BaseLoader.Acquire(_host, _baseModel, _options.Precision, _options.Device);
        return new PrefixTuningTransformer(_host, new TextSession(lease, _settings, _prefix), _prefix, null);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => GeneratedTextSchema.Promise(inputSchema, _settings, null);
}
