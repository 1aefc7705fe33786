using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;
using Microsoft.ML.PrefixTuning.Tool.Verbs;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>A study to be run, or gone on with.</summary>
/// <param name="file">Its file.</param>
internal sealed class StudyRequest(StudyFile file)
{
    private const string BaselineKey = "baseline", None = "none";

    // Enough to see that every part of the way works.
    private const int SmokeSteps = 2, SmokeRows = 2, SmokeCandidates = 6;

    public StudyFile File => file;

    /// <summary>Folder of states and results.</summary>
    public required string Results { get; init; }

    /// <summary>The part that is taken, I/N; null for all.</summary>
    public string? Shard { get; init; }

    /// <summary>What the precision <c>automatic</c> is; null leaves it to the processor.</summary>
    public ModelPrecision? Automatic { get; init; }

    /// <summary>Whether only a few steps are taken.</summary>
    public bool IsSmoke { get; init; }

    /// <summary>Where the results lie: those of a few steps apart.</summary>
    public string Folder => IsSmoke ? Results + "-smoke" : Results;

    /// <summary>Runs what is missing. Ctrl-C ends it with what is there.</summary>
    public SweepResults Run()
    {
        using ToolConsole console = ToolConsole.OfProcess();
        var request = new SweepRequest(file.Sweep, console);
        (SweepCandidate Candidate, Baseline? Baseline)[] all = [.. Candidates(request)];
        var context = new MLContext();
        using SweepTables tables = request.Open();
        using var cancellation = new CancellationTokenSource();
        var display = new SweepDisplay(console, new SweepOptions().Words);
        using var interruption = new Interruption(cancellation, display.SayNow);
        PrefixSweep sweep = request.Make([.. all.Select(one => one.Candidate)], tables, Folder) with
        {
            Shard = Shard is null ? null : SweepVerb.ParseShard(Shard),
            Progress = display.Show,
            CancellationToken = cancellation.Token,
        };
        if (IsSmoke)
        {
            sweep = sweep with
            {
                Seeds = [sweep.Seeds[0]],
                TestSet = tables.Test is null ? null : context.Data.TakeRows(tables.Test, SmokeRows),
            };
        }
        Faults.Throw(sweep.Check);
        Dictionary<string, Baseline> baselines = all.Where(one => one.Baseline is not null)
            .ToDictionary(one => one.Candidate.Name, one => one.Baseline!);
        using var trainer = new StudyTrainer(context, tables.Rows, sweep, baselines,
            StudyMeasures.Make(context, file, console), Automatic);
        try
        {
            return display.Run(() => SweepCatalog.Run(sweep, trainer));
        }
        catch (OperationCanceledException)
        {
            return Read();
        }
    }

    /// <summary>What is there; what was not run says so.</summary>
    public SweepResults Read()
    {
        SweepFolder folder = SweepFolder.Open(Folder);
        return new SweepResults(folder, [.. folder.Manifest.Runs.Select(folder.Read)]);
    }

    private IEnumerable<(SweepCandidate, Baseline?)> Candidates(SweepRequest request)
    {
        var all = request.CandidatesWithValues(BaselineKey);
        // Spread over the grid.
        int apart = IsSmoke ? Math.Max(1, (all.Count + SmokeCandidates - 1) / SmokeCandidates) : 1;
        foreach ((SweepCandidate candidate, var values) in all.Where((_, place) => place % apart == 0))
        {
            Baseline? baseline = values.TryGetValue(BaselineKey, out IReadOnlyList<string>? name) && name[0] != None
                ? Baseline.Parse(name[0]) : null;
            PrefixTuningOptions options = candidate.Options;
            if (IsSmoke)
                options = options with { Training = options.Training with { MaxSteps = SmokeSteps } };
            // No command trains a baseline.
            yield return (candidate with
            {
                Options = options,
                Command = baseline is null ? candidate.Command : null,
            }, baseline);
        }
    }
}
