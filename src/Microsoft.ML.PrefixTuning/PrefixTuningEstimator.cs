using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Training;
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
        { AttributeColumn = columns.Attribute, Threads = options.Threads };
        _settings.CheckErrorColumn(columns.Label);
    }

    /// <summary>The column that is read.</summary>
    internal string InputColumn => _columns.Input;

    /// <summary>The column with the wanted texts.</summary>
    internal string LabelColumn => _columns.Label;

    /// <summary>The columns that it writes.</summary>
    internal IEnumerable<string> WrittenColumns => _settings.Generation.ErrorColumnName is { } error
        ? [_columns.Output, error] : [_columns.Output];

    /// <summary>Whether trainings of it keep a state.</summary>
    internal bool KeepsState => _options.Training.StateFile is not null;

    /// <summary>A share of the base that it trains for, which stays loaded as long as somebody has one.</summary>
    internal BaseLease HoldBase() => HoldBase(_settings.Decided());

    /// <summary>Throws where the context or the options were told to cancel.</summary>
    /// <exception cref="OperationCanceledException">One of them was.</exception>
    internal void CheckAlive()
    {
        MlNetInternals.CheckAlive(_host);
        _options.Training.CancellationToken.ThrowIfCancellationRequested();
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
            GeneratedTextSchema.Read(data.Schema, _settings, draws: false);
            TextColumns.OneOrSeveral(data.Schema, _columns.Label, "label");
        }
        using IChannel channel = _host.Start("Training");
        using var threads = TorchThreads.Use(_options.Threads);
        var share = new WorkShare(_options.Training.Workers);
        TextSettings settings = _settings.Decided(share);
        BaseLease lease = HoldBase(settings);
        try
        {
            var fitting = new PrefixFitting(_host, new FitLog(channel), _columns, _options, lease.Base)
            {
                Seed = _seed.Resume(_options.Training.StateFile, share),
                Changed = ChangedOptions.Of(_options),
            };
            FitResult fitted = fitting.Run(input);
            lease = BaseLoader.ForWriting(lease, _baseModel, settings.Used, _options.Device);
            var session = new TextSession(lease, settings, fitted.Prefixes);
            try
            {
                return new PrefixTuningTransformer(_host, session, WithExamples(fitted, session, input));
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Adds texts of rows held out, unless training is cancelled: what is trained is not lost for them.
    /// </summary>
    private TrainingSummary WithExamples(FitResult fitted, TextSession session, IDataView input)
    {
        TrainingSummary summary = fitted.Summary;
        // Of several processes one tells.
        if (fitted.Shown.Count == 0 || summary.End == TrainingEnd.Cancelled
            || _options.Training.Workers is { IsFirst: false })
            return summary;
        try
        {
            var examples = new HeldOutExamples(session, _columns, CheckAlive);
            return summary with { Examples = examples.Write(_options.ValidationSet ?? input, fitted.Shown) };
        }
        catch (OperationCanceledException) when (_options.Training.WhenCancelled == CancellationBehavior.ReturnBest)
        {
            return summary;
        }
    }

    private BaseLease HoldBase(TextSettings settings) => BaseLoader.AcquireForTraining(_host, _baseModel,
        settings.Used, _options.Device, _options.Training.LoadingToken);

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) =>
        GeneratedTextSchema.Promise(inputSchema, _settings, _columns.Label, draws: false);
}
