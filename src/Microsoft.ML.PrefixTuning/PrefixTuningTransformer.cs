using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Options;
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

    /// <summary>How texts are written.</summary>
    public GenerationOptions Generation => _session.Settings.Generation;

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

    /// <summary>The same, whose reader a token ends at the next token of text, as the context does.</summary>
    internal IDataView Transform(IDataView input, CancellationToken cancellation) =>
        new GeneratedTextDataView(input, new RowWriter(_host, _session) { Cancellation = cancellation });

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The input or attribute column is missing or not a text.
    /// </exception>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new GeneratedTextRowMapper(inputSchema, _writer);
    }

    /// <summary>
    /// Makes a generator with the same base, prefixes, template and options of writing: it writes for many callers at
    /// once. A request names its prefix by the value of the attribute column, or none.
    /// </summary>
    /// <param name="options">How much is worked on at once; null means the defaults.</param>
    /// <returns>The generator. It owns a share of the base and may outlive the transformer: dispose it.</returns>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public TextGenerator CreateGenerator(TextGeneratorOptions? options = null)
    {
        options ??= new TextGeneratorOptions();
        Faults.Throw(options.Check);
        return new TextGenerator(_session.ShareBase(), _session.Settings, _session.Choice, options);
    }

    /// <summary>The same transformer with other options of writing; it shares the base.</summary>
    /// <param name="generation">
    /// How texts are written, such as <c>transformer.Generation with { MaxNewTokens = 40 }</c>.
    /// </param>
    /// <returns>A transformer of its own, which is saved with these options: dispose both.</returns>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public PrefixTuningTransformer WithGeneration(GenerationOptions generation)
    {
        ArgumentNullException.ThrowIfNull(generation);
        Faults.Throw(generation.Check);
        TextSettings settings = _session.Settings with { Generation = generation };
        settings.CheckErrorColumn(labelColumn: null);
        return With(settings);
    }

    /// <summary>
    /// The same transformer with another number of threads, such as a loaded one, whose file says none; it shares the
    /// base.
    /// </summary>
    /// <param name="threads">
    /// Threads of the processor among which torch divides its work; null for torch's own. Not saved.
    /// </param>
    /// <returns>A transformer of its own: dispose both.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than one.</exception>
    /// <exception cref="NotSupportedException">
    /// Another engine computes the base, and was given its threads when it was loaded.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public PrefixTuningTransformer WithThreads(int? threads)
    {
        if (threads is < 1 or > OptionBounds.Threads)
        {
            throw new ArgumentOutOfRangeException(nameof(threads), threads,
                $"Expected 1 to {OptionBounds.Threads}, or null.");
        }
        if (_session.Engine is not BaseEngine)
            throw new NotSupportedException("Expected a transformer over a base that this library computes, found one"
                + " over another engine: its threads are those of the options that it was made with.");
        return With(_session.Settings with { Threads = threads });
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

    private PrefixTuningTransformer With(TextSettings settings) =>
        new(_host, new TextSession(_session.ShareBase(), settings, _session.Choice), TrainingSummary);

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
