using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Trainings that are compared: every candidate with every seed, one after the other on one loaded base, chosen by the
/// loss of rows held out. Each keeps its state in the folder, so that a sweep that was killed goes on.
/// </summary>
public sealed record PrefixSweep
{
    /// <summary>
    /// Column that takes the generated text; named like none that is read beside it (input, label, part or group).
    /// </summary>
    public required string OutputColumnName { get; init; }

    /// <summary>Text column that is read.</summary>
    public required string InputColumnName { get; init; }

    /// <summary>Text column with the wanted texts; of a vector of texts each is a training example.</summary>
    public required string LabelColumnName { get; init; }

    /// <summary>The frozen model; loaded once.</summary>
    public required BaseModel BaseModel { get; init; }

    /// <summary>
    /// What is compared. A grid is a query: <c>from length in lengths from rate in rates select new
    /// SweepCandidate(...)</c>.
    /// </summary>
    public required IReadOnlyList<SweepCandidate> Candidates { get; init; }

    /// <summary>Folder that takes states, results and models; made where it is missing.</summary>
    public required string Folder { get; init; }

    /// <summary>Seeds that every candidate is trained with; their spread tells what a difference is worth.</summary>
    /// <value>The default is 1 alone.</value>
    public IReadOnlyList<int> Seeds { get; init; } = [1];

    /// <summary>How candidates that are behind stop early.</summary>
    /// <value>The default is <see langword="null"/>: all are trained to their end.</value>
    public SuccessiveHalving? Halving { get; init; }

    /// <summary>
    /// Rows whose loss decides, for every run; without them each run holds rows out as its options say, the same ones
    /// for the same seed.
    /// </summary>
    public IDataView? ValidationSet { get; init; }

    /// <summary>
    /// Rows for which a trained run writes texts, which are measured against the label column. They do not decide.
    /// </summary>
    /// <value>The default is <see langword="null"/>: nothing is measured but losses.</value>
    public IDataView? TestSet { get; init; }

    /// <summary>
    /// Text column of the test set whose values part it: each part is measured on its own too, as topics that training
    /// has seen and others.
    /// </summary>
    /// <value>The default is <see langword="null"/>: only the whole is measured.</value>
    public string? TestPartColumnName { get; init; }

    /// <summary>How texts are measured.</summary>
    /// <value>The default is <see langword="null"/>: all measures, and rows of one input belong together.</value>
    public TextGenerationEvaluationOptions? Evaluation { get; init; }

    /// <summary>First different inputs whose texts are kept with a run: of the test set, else of the rows.</summary>
    /// <value>The default is 3.</value>
    public int TextCount { get; init; } = 3;

    /// <summary>The part of the runs that this process takes.</summary>
    /// <value>The default is <see langword="null"/>: all.</value>
    public SweepShard? Shard { get; init; }

    /// <summary>
    /// Called when a run begins or ends and after every step, on the training thread. What it throws ends the sweep;
    /// the run that is trained goes on with the same call.
    /// </summary>
    public Action<SweepProgress>? Progress { get; init; }

    /// <summary>
    /// Ends the sweep within one step, or one token of the texts that a run writes; the run that is trained has its
    /// state.
    /// </summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>The schema that saved models say they take; null for that of the training rows.</summary>
    internal DataViewSchema? SavedSchema { get; init; }

    /// <summary>Measures of a trained model beside those of its texts, by name; null for none.</summary>
    internal Func<PrefixTuningTransformer, IReadOnlyDictionary<string, double>>? OwnMeasures { get; init; }

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        if (faults.Given(Candidates, nameof(Candidates)))
        {
            faults.That(Candidates.Count > 0, nameof(Candidates), "at least one", "none");
            CheckCandidates(faults);
        }
        if (faults.Given(Seeds, nameof(Seeds)))
        {
            faults.That(Seeds.Count > 0, nameof(Seeds), "at least one", "none");
            faults.That(Seeds.Distinct().Count() == Seeds.Count, nameof(Seeds), "each seed once",
                string.Join(", ", Seeds));
        }
        faults.Given(BaseModel, nameof(BaseModel));
        faults.AtLeast(0, TextCount, nameof(TextCount));
        faults.That(!string.IsNullOrEmpty(Folder), nameof(Folder), "a path", "none");
        CheckHalving(faults.Under(nameof(Halving)));
        Shard?.Check(faults.Under(nameof(Shard)));
        faults.That(Shard is null || Halving is null, nameof(Shard),
            "null with Halving, where each run is compared with all others", $"{Shard}");
        faults.ColumnName(TestPartColumnName, nameof(TestPartColumnName));
        faults.That(TestPartColumnName is null || TestSet is not null, nameof(TestPartColumnName),
            "null without a test set", TestPartColumnName ?? "");
        Evaluation?.Check(faults.Under(nameof(Evaluation)));
        CheckWritten(faults, OutputColumnName, nameof(OutputColumnName));
    }

    /// <summary>Refuses a written column that would take the place of one that is read when texts are there.</summary>
    private void CheckWritten(Faults faults, string? column, string name)
    {
        string? role = ColumnRoles.HiddenBy(column, ("input", InputColumnName), ("label", LabelColumnName),
            ("part", TestPartColumnName), ("group", Evaluation?.GroupColumnName));
        faults.That(role is null, name, $"another name than that of the {role} column", $"'{column}'");
    }

    /// <summary>
    /// Refuses rows without a column that is asked for only when a run was trained, and fewer than are drawn.
    /// </summary>
    /// <param name="trainSet">The training rows.</param>
    /// <exception cref="ArgumentException">
    /// A column is missing, there are no test rows, or a candidate asks for more training rows than there are.
    /// </exception>
    /// <exception cref="System.IO.IOException">The folder of METEOR's word lists has none of the files.</exception>
    internal void CheckRows(IDataView trainSet)
    {
        foreach (IDataView rows in new[] { trainSet, ValidationSet, TestSet }.OfType<IDataView>())
        {
            TextColumns.One(rows.Schema, InputColumnName, "input");
            TextColumns.OneOrSeveral(rows.Schema, LabelColumnName, "label");
        }
        CheckDraws(trainSet);
        if (TestSet is null)
            return;
        if (TestPartColumnName is { } part)
            TextColumns.One(TestSet.Schema, part, "part");
        // The texts are not there yet.
        _ = new EvaluationColumns(TestSet.Schema, LabelColumnName, LabelColumnName, Evaluation?.GroupColumnName);
        Measurement.Check(Evaluation ?? new TextGenerationEvaluationOptions());
        if (!RowSubset.HasRows(TestSet))
            throw new ArgumentException($"{nameof(TestSet)}: expected rows, found none.", nameof(trainSet));
    }

    /// <summary>All rows under the name of more, or of their number, would be one candidate twice.</summary>
    private void CheckDraws(IDataView trainSet)
    {
        if (Candidates.MaxBy(one => one.Rows ?? 0) is not { Rows: int most } candidate)
            return;
        long rows = RowSubset.CountOf(trainSet);
        if (most > rows)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Candidate '{candidate.Name}':"
                + $" expected at most the {rows} training rows that there are, found {most}."), nameof(trainSet));
        }
        ILookup<string, SweepCandidate> ofAll = Candidates.Where(one => one.Rows is null)
            .ToLookup(one => OptionCode.Of(one.Options));
        foreach (SweepCandidate whole in Candidates.Where(one => one.Rows == rows))
        {
            if (ofAll[OptionCode.Of(whole.Options)].FirstOrDefault() is not { } same)
                continue;
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Candidate '{whole.Name}':"
                + $" expected fewer than the {rows} training rows that there are, all of which '{same.Name}' has with"
                + $" the same options, found {rows}."), nameof(trainSet));
        }
    }

    private void CheckHalving(Faults faults)
    {
        if (Halving is null)
            return;
        Halving.Check(faults);
        int longest = (Candidates ?? []).Select(candidate => candidate?.Options?.Training?.MaxEpochs ?? 0)
            .DefaultIfEmpty(0).Max();
        // Nothing would ever be compared; other epochs than these are told as a fault of their candidate.
        faults.That(longest < 1 || Halving.FirstEpochs < longest, nameof(Halving.FirstEpochs),
            $"fewer than the {longest} epochs of the longest training", Halving.FirstEpochs);
    }

    private void CheckCandidates(Faults faults)
    {
        for (int i = 0; i < Candidates.Count; i++)
        {
            Faults own = faults.Under($"{nameof(Candidates)}[{i}]");
            SweepCandidate candidate = Candidates[i];
            if (!own.Given(candidate, "candidate") || !own.Given(candidate.Options, nameof(candidate.Options)))
                continue;
            own.Given(candidate.Name, nameof(candidate.Name));
            own.Given(candidate.Settings, nameof(candidate.Settings));
            own.AtLeast(1, candidate.Rows ?? 1, nameof(candidate.Rows));
            Faults options = own.Under(nameof(candidate.Options));
            candidate.Options.Check(options);
            options.That(candidate.Options.ValidationSet is null, nameof(PrefixTuningOptions.ValidationSet),
                "null: that of the sweep holds for all", "one");
            options.That(candidate.Options.Training?.StateFile is null, nameof(TrainingOptions.StateFile),
                "null: each run has its own in the sweep's folder", candidate.Options.Training?.StateFile ?? "");
            options.That(candidate.Options.Training?.Seed is null, nameof(TrainingOptions.Seed),
                "null: the sweep has Seeds", candidate.Options.Training?.Seed ?? 0);
            options.That(candidate.Options.Training?.Workers is null, nameof(TrainingOptions.Workers),
                "null: processes share out the runs of a sweep (Shard), not those of a run",
                candidate.Options.Training?.Workers?.Count ?? 1);
            options.That(candidate.Options.Training?.Progress is null, nameof(TrainingOptions.Progress),
                "null: the sweep has Progress", "one");
            options.That(candidate.Options.Training is not { CancellationToken.CanBeCanceled: true },
                nameof(TrainingOptions.CancellationToken), "none: the sweep has CancellationToken", "one");
            CheckWritten(options.Under(nameof(PrefixTuningOptions.Generation)),
                candidate.Options.Generation?.ErrorColumnName, nameof(GenerationOptions.ErrorColumnName));
        }
        string[] names = [.. Candidates.Select(candidate => candidate?.Name ?? "")];
        faults.That(names.Distinct().Count() == names.Length, nameof(Candidates), "names that differ",
            names.CountBy(name => name).OrderByDescending(name => name.Value).FirstOrDefault().Key ?? "");
    }
}

/// <summary>What a run is trained with, but for its seed.</summary>
/// <param name="Name">What it is called in tables; none like another.</param>
/// <param name="Options">
/// The options; seed, state file, validation rows, progress and cancellation are the sweep's.
/// </param>
public sealed record SweepCandidate(string Name, PrefixTuningOptions Options)
{
    /// <summary>What distinguishes it from the others, by name, as columns of tables.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Training rows, drawn by the seed; at most as many as there are.</summary>
    /// <value>The default is <see langword="null"/>: all.</value>
    public int? Rows { get; init; }

    /// <summary>The command that trains it, for the page; null where there is none.</summary>
    public string? Command { get; init; }
}

/// <summary>
/// Successive halving (Jamieson and Talwalkar 2016): all candidates are trained for some epochs, the best share of them
/// for longer, and so on; the last ones to their end. The mean loss of the held-out rows over the seeds decides.
/// </summary>
public sealed record SuccessiveHalving
{
    /// <summary>Of so many candidates one goes on, and for so many times as many epochs.</summary>
    /// <value>The default is 3.</value>
    public int Factor { get; init; } = 3;

    /// <summary>Epochs before the first comparison.</summary>
    /// <value>The default is 1.</value>
    public int FirstEpochs { get; init; } = 1;

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(2, Factor, nameof(Factor));
        faults.AtLeast(1, FirstEpochs, nameof(FirstEpochs));
    }
}

/// <summary>A part of the runs: every <paramref name="Count"/>th one.</summary>
/// <param name="Index">Which part, from 0.</param>
/// <param name="Count">How many parts there are.</param>
public sealed record SweepShard(int Index, int Count)
{
    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(1, Count, nameof(Count));
        faults.That(Index >= 0 && Index < Count, nameof(Index), $"0 to {Count - 1}", Index);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Index}/{Count}";
}

/// <summary>Where a sweep stands.</summary>
/// <param name="Runs">All runs in their order, as they are now.</param>
/// <param name="Current">The run that is trained; null between two.</param>
/// <param name="Training">Where its training stands; null before its first step.</param>
/// <param name="TimeLeft">Estimate of the time to the end; null before anything could be measured.</param>
public sealed record SweepProgress(IReadOnlyList<SweepRun> Runs, SweepRun? Current, TrainingProgress? Training,
    TimeSpan? TimeLeft);
