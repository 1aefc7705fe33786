using System;
using System.Collections.Generic;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

[assembly: Microsoft.ML.LoadableClass(typeof(PrefixTuningTransformer), null, typeof(Microsoft.ML.SignatureLoadModel),
    "Prefix Tuning", PrefixModelFormat.LoaderSignature)]

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Maps a text column to a column of generated text with a frozen language model and a prefix (or none, or one an
/// attribute).
/// </summary>
/// <remarks>
/// Safe for concurrent use; one generation runs at a time, since it uses all cores. Owns native memory: dispose it (a
/// <c>TransformerChain</c> and a <c>PredictionEngine</c> dispose theirs). Copies of one base in a process share its
/// memory.
/// </remarks>
public sealed class PrefixTuningTransformer : ITransformer, IDisposable
{
    private readonly IHost _host;
    private readonly TextSession _session;
    private readonly RowWriter _writer;

    /// <summary>Takes ownership of the session.</summary>
    internal PrefixTuningTransformer(IHost host, TextSession session, TrainingSummary? summary)
    {
        (_host, _session, TrainingSummary) = (host, session, summary);
        _writer = new RowWriter(host, session);
    }

    /// <summary>
    /// The prefix of all rows; with an attribute column, that of the rows whose value is none of
    /// <see cref="Prefixes"/>. Null where the base writes by itself, or where such rows are refused.
    /// </summary>
    public Prefix? Prefix => _session.Choice.ForOthers;

    /// <summary>
    /// The prefix of each value of the attribute column, shared part included; empty where there is no such column.
    /// </summary>
    public IReadOnlyDictionary<string, Prefix> Prefixes => _session.Choice.ByValue;

    /// <summary>How the prefix was trained; null where it was not trained by this transformer's estimator.</summary>
    public TrainingSummary? TrainingSummary { get; }

    /// <summary>Name of the column that takes the text.</summary>
    public string OutputColumnName => _session.Settings.OutputColumn;

    /// <summary>Name of the column that is read.</summary>
    public string InputColumnName => _session.Settings.InputColumn;

    /// <summary>Name of the column that picks a row's prefix; null where there is none.</summary>
    public string? AttributeColumnName => _session.Settings.AttributeColumn;

    /// <summary>A transformer maps rows one by one.</summary>
    bool ITransformer.IsRowToRowMapper => true;

    internal TextSession Session => _session;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        GeneratedTextSchema.Read(inputSchema, _session.Settings);
        return GeneratedTextSchema.Deliver(inputSchema, _session.Settings);
    }

    /// <summary>A lazy view with the generated column; texts are written in batches while it is read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new GeneratedTextDataView(input, _writer);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new GeneratedTextRowMapper(inputSchema, _writer);
    }

    /// <summary>Frees the share of the base. Doing so twice does nothing; a later use is refused.</summary>
    public void Dispose() => _session.Dispose();

    void ICanSaveModel.Save(ModelSaveContext context)
    {
        PrefixModelFormat.Write(context, new SavedContent(_session.Settings, _session.Choice, TrainingSummary),
            _session.Base);
        // A forgotten transformer gives its base back, with the temporary files that an embedded one lies in.
        GC.KeepAlive(this);
    }

    private static PrefixTuningTransformer Create(IHostEnvironment environment, ModelLoadContext context) =>
        LoadRefusal.Guard(() =>
        {
            IHost host = environment.Register(nameof(PrefixTuningTransformer));
            (BaseLease lease, SavedContent content) = PrefixModelFormat.Read(host, context);
            // The session owns the lease, also where it throws.
            var session = new TextSession(lease, content.Settings, content.Prefixes);
            return new PrefixTuningTransformer(host, session, content.Training);
        });
}
