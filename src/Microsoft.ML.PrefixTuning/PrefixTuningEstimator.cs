using System;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Trains a prefix in front of a frozen language model: text in, text out.</summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// To create this estimator, use [PrefixTune](xref:Microsoft.ML.PrefixTuningCatalog.PrefixTune*).
///
/// ### Estimator Characteristics
/// |  |  |
/// | -- | -- |
/// | Does this estimator need to look at the data to train its parameters? | Yes |
/// | Input column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType) |
/// | Label column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), or a vector of it, for `Fit` only |
/// | Attribute column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), where the options name one |
/// | Output column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), or a vector of it for several sequences
/// |
/// | Required NuGet in addition to Microsoft.ML | Microsoft.ML.PrefixTuning and one TorchSharp backend |
/// | Exportable to ONNX | No |
///
/// ### Training Algorithm Details
/// Prefix-tuning (Li and Liang 2021, https://aclanthology.org/2021.acl-long.353): keys and values in front of every
/// layer's attention are the only thing that is trained; the model's own weights stay as they are.
/// ]]></format>
/// </remarks>
public sealed class PrefixTuningEstimator : IEstimator<PrefixTuningTransformer>
{
    private readonly IHost _host;
    private readonly FitColumns _columns;
    private readonly BaseModel _baseModel;
    private readonly PrefixTuningOptions _options;
    private readonly TextSettings _settings;
    private readonly TrainingSeed _seed;

    internal PrefixTuningEstimator(IHostEnvironment environment, FitColumns columns, BaseModel baseModel,
        PrefixTuningOptions options)
    {
        columns.Check();
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(options);
        Faults.Throw(options.Check);
        _host = environment.Register(nameof(PrefixTuningEstimator));
        (_columns, _baseModel, _options) = (columns, baseModel, options);
        _seed = TrainingSeed.Of(options.Training, environment);
        _settings = new TextSettings(columns.Output, columns.Input, options.Template, options.Generation,
            options.Precision,
            options.EmbedBase)
        { AttributeColumn = columns.Attribute };
        _settings.CheckErrorColumn(columns.Label);
    }

    /// <summary>Trains a prefix. The base's weights are the same bits before and after.</summary>
    /// <param name="input">
    /// Rows with the input and the label column, and the attribute column where the options name one.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    /// <exception cref="ArgumentException">
    /// A row is no good: empty target or attribute, or too long; or there is no row; or a banned word has no token in
    /// the base.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Training diverged before its first good step, or a state file does not fit.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// Training was cancelled and the options do not ask for the best so far.
    /// </exception>
    public PrefixTuningTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        foreach (IDataView data in _options.ValidationSet is { } given ? (IDataView[])[input, given] : [input])
        {
            GeneratedTextSchema.Read(data.Schema, _settings);
            TextColumns.OneOrSeveral(data.Schema, _columns.Label, "label");
        }
        using IChannel channel = _host.Start("Training");
        TextSettings settings = _settings.Decided();
        BaseLease lease = BaseLoader.AcquireForTraining(_host, _baseModel, settings.Used, _options.Device);
        try
        {
            var fitting = new PrefixFitting(_host, new FitLog(channel), _columns, _options, lease.Base)
            {
                Seed = _seed.Resume(_options.Training.StateFile),
            };
            (PrefixesByValue prefixes, TrainingSummary summary) = fitting.Run(input);
            lease = BaseLoader.ForWriting(_host, lease, _baseModel, settings.Used, _options.Device);
            return new PrefixTuningTransformer(_host, new TextSession(lease, settings, prefixes), summary);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) =>
        GeneratedTextSchema.Promise(inputSchema, _settings, _columns.Label);
}
