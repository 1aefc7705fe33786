using System;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Trains a short prefix to do what a long context does in front of a frozen language model.</summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// To create this estimator, use [DistillPrefix](xref:Microsoft.ML.PrefixDistillationCatalog.DistillPrefix*).
///
/// ### Estimator Characteristics
/// |  |  |
/// | -- | -- |
/// | Does this estimator need to look at the data to train its parameters? | Yes |
/// | Input column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType) |
/// | Output column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType), or a vector of it for several sequences
/// |
/// | Required NuGet in addition to Microsoft.ML | Microsoft.ML.PrefixTuning and one TorchSharp backend |
/// | Exportable to ONNX | No |
///
/// ### Training Algorithm Details
/// The teacher, a text or a prefix, writes a continuation for every row. The student's keys and values are then trained
/// so that its next-token distributions on these continuations are the teacher's (Kullback-Leibler divergence; Hinton,
/// Vinyals and Dean 2015, and for contexts Snell, Klein and Zhong 2022).
/// ]]></format>
/// </remarks>
public sealed class PrefixDistillationEstimator : IEstimator<PrefixTuningTransformer>
{
    // Not a name that a caller's data is likely to have; a column of that name would only be hidden during Fit.
    private const string WrittenColumn = "PrefixTuning.TeacherContinuation";

    private readonly IHost _host;
    private readonly FitColumns _columns;
    private readonly BaseModel _baseModel;
    private readonly PrefixTeacher _teacher;
    private readonly DistillationOptions _options;
    private readonly TextSettings _settings;
    private readonly TrainingSeed _seed;

    internal PrefixDistillationEstimator(IHostEnvironment environment, (string Output, string Input) columns,
        BaseModel baseModel,
        PrefixTeacher teacher, DistillationOptions options)
    {
        _columns = new FitColumns(columns.Output, columns.Input, options.ContinuationColumnName ?? WrittenColumn)
        {
            TargetName = options.ContinuationColumnName ?? columns.Output,
            Context = (teacher as ColumnTeacher)?.ColumnName,
        };
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(teacher);
        Faults.Throw(options.Check);
        _columns.Check();
        if (_columns.Context is { } context && options.ContinuationColumnName is null)
        {
            throw new ArgumentException("ContinuationColumnName: expected a column, since a teacher of a column"
                + $" ('{context}') writes nothing, found null.", nameof(options));
        }
        _host = environment.Register(nameof(PrefixDistillationEstimator));
        (_baseModel, _teacher, _options) = (baseModel, teacher, options);
        PrefixTuningOptions student = options.Student;
        _seed = TrainingSeed.Of(student.Training, environment);
        _settings = new TextSettings(columns.Output, columns.Input, student.Template, student.Generation,
            student.Precision, student.EmbedBase)
        { Threads = student.Threads };
        _settings.CheckErrorColumn(_columns.Label, "Student.");
    }

    /// <summary>Distils the teacher. The base's weights are the same bits before and after.</summary>
    /// <param name="input">Rows with the input column.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    /// <exception cref="ArgumentException">
    /// A row is too long, or there is none; the student is no shorter than the teacher; or a banned word has no token
    /// in the base.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The teacher was made for another base, training diverged before its first good step, or a state file does not
    /// fit.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// Training was cancelled and the options do not ask for the best so far.
    /// </exception>
    public PrefixTuningTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        foreach (IDataView data in _options.Student.ValidationSet is { } given ? (IDataView[])[input, given] : [input])
        {
            TextColumns.One(data.Schema, _columns.Input, "input");
            if (_options.ContinuationColumnName is { } column)
                TextColumns.OneOrSeveral(data.Schema, column, "continuation");
            if (_columns.Context is { } context)
                TextColumns.One(data.Schema, context, "teacher");
        }
        using IChannel channel = _host.Start("Distillation");
        using var threads = TorchThreads.Use(_options.Student.Threads);
        var share = new WorkShare(_options.Student.Training.Workers);
        TextSettings settings = _settings.Decided(share);
        BaseLease lease = Acquire(settings);
        try
        {
            DistillationTeacher teacher = DistillationTeacher.Make(lease.Base, _teacher, _options, input);
            using PrefixTuningTransformer? writer = _options.ContinuationColumnName is null
                ? Writer(teacher, settings) : null;
            PrefixTuningOptions student = teacher.Student();
            if (writer is not null)
            {
                channel.Info(MessageSensitivity.None, "The teacher writes a continuation for every row.");
                (input, student) = (writer.Transform(input), Written(student, writer));
            }
            var fitting = new PrefixFitting(_host, new FitLog(channel), _columns, student, lease.Base)
            {
                Seed = _seed.Resume(student.Training.StateFile, share),
                Changed = ChangedOptions.Of(_options),
                Teacher = teacher,
            };
            FitResult fitted = fitting.Run(input);
            lease = BaseLoader.ForWriting(lease, _baseModel, settings.Used, student.Device);
            return new PrefixTuningTransformer(_host, new TextSession(lease, settings, fitted.Prefixes),
                fitted.Summary);
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
        GeneratedTextSchema.Promise(inputSchema, _settings, _options.ContinuationColumnName, _columns.Context,
            draws: false);

    private BaseLease Acquire(TextSettings settings) =>
        BaseLoader.AcquireForTraining(_host, _baseModel, settings.Used, _options.Student.Device,
            _options.Student.Training.LoadingToken)
            // Teacher and student read the same tokens.
            .ByRulesOf(_teacher is GivenTeacher given ? [given.Prefix] : []);

    private PrefixTuningTransformer Writer(DistillationTeacher teacher, TextSettings settings) =>
        new(_host, new TextSession(Acquire(settings), teacher.Settings(WrittenColumn, _columns.Input),
            PrefixesByValue.ForAll(teacher.Prefix)), null);

    /// <summary>What the teacher writes may be nothing but an end.</summary>
    private static PrefixTuningOptions Written(PrefixTuningOptions student, PrefixTuningTransformer writer) =>
        student with
        {
            Training = student.Training with { AllowEmptyTargets = true },
            ValidationSet = student.ValidationSet is { } validation ? writer.Transform(validation) : null,
        };
}
