using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>sweep</c>: a file that says what to compare in; lines, a page and the best model out.</summary>
internal sealed class SweepVerb
{
    private readonly ToolConsole _console;
    private readonly Argument<string> _file = PathArgument.Make<string>("file",
        "What to compare: a YAML or JSON file with base, data and lists or ranges of options (docs/sweeps.md).");
    private readonly Option<string> _results = new("--results")
    {
        Description = "Folder that takes states, results and models. Default: beside the file, of its name without its"
            + " ending.",
        HelpName = "folder",
    };
    private readonly Option<string> _shard = new("--shard")
    {
        Description = "Take only every N-th run, from the I-th on, counted from 0; --merge joins the parts.",
        HelpName = "I/N",
    };
    private readonly Option<bool> _merge =
        new("--merge") { Description = "Run nothing; join what the shards left in the folder." };

    private SweepVerb(ToolConsole console, Verb command)
    {
        _console = console;
        command.Arguments.Add(_file);
        foreach (Option option in (Option[])[_results, _shard, _merge])
            command.Options.Add(option);
        foreach (OptionWord word in new SweepOptions().Words.All)
            command.Words.Add(word.Path, word.Typed, word.Property);
        command.Words.Add(nameof(PrefixSweep.Shard), _shard.Name);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command = new Verb("sweep",
            "Trains with many options and seeds on one loaded base and tells the best. The same command goes on where"
                + " it was killed.");
        _ = new SweepVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune sweep lengths.yaml",
            "prefix-tune sweep lengths.yaml --results ./lengths --shard 0/4",
            "prefix-tune sweep lengths.yaml --results ./lengths --merge");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string path = parsed.GetValue(_file)!;
        string folder = parsed.GetValue(_results) ?? FolderOf(path);
        if (!parsed.GetValue(_merge))
            return Finish(parsed, Sweep(parsed, path, folder), folder, isShard: parsed.GetValue(_shard) is not null);
        return parsed.GetValue(_shard) is null ? Finish(parsed, Merge(path, folder), folder, isShard: false)
            : throw new UsageException("--shard and --merge exclude each other.");
    }

    private SweepResults Merge(string path, string folder)
    {
        SweepFile file = SweepFile.Read(path);
        return SweepResults.MergePlanned(folder,
            new SweepPlan(new SweepRequest(file, _console).Candidates(), file.Seeds, file.SuccessiveHalving));
    }

    private SweepResults Sweep(ParseResult parsed, string path, string folder)
    {
        SweepFile file = SweepFile.Read(path);
        var request = new SweepRequest(file, _console);
        IReadOnlyList<SweepCandidate> candidates = request.Candidates();
        request.Files(folder).Check();
        using var cancellation = new CancellationTokenSource();
        var display = new SweepDisplay(_console, OptionWords.Of(parsed));
        using var interruption = new Interruption(cancellation, display.SayNow);
        MLContext mlContext = Context.Make(display.Say, OptionWords.Of(parsed));
        using SweepTables tables = request.Open();
        PrefixSweep sweep = request.Make(candidates, tables, folder) with
        {
            Shard = parsed.GetValue(_shard) is { } shard ? ParseShard(shard) : null,
            Progress = display.Show,
            CancellationToken = cancellation.Token,
        };
        return display.Run(() => mlContext.TextGeneration.Sweep(tables.Rows, sweep));
    }

    /// <summary>A part as it is typed.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public static SweepShard ParseShard(string text)
    {
        return text.Split('/') is [var index, var count]
            && int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out int i)
            && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && i < n
            ? new SweepShard(i, n)
            : throw new UsageException($"--shard: expected I/N with I from 0 to N - 1, found '{text}'.");
    }

    /// <summary>What a command that took the runs returns.</summary>
    public static int ExitOf(SweepResults results) =>
        results.Runs.Any(run => run.Status == SweepRunStatus.Failed) ? ExitCode.Failed : ExitCode.Done;

    private int Finish(ParseResult parsed, SweepResults results, string folder, bool isShard)
    {
        _console.Write(MakeTable(results, OptionWords.Of(parsed)));
        foreach (string note in results.Notes)
            _console.Out.WriteLine($"* {note}");
        if (isShard)
            _console.Out.WriteLine($"The results of this part are in {folder}; --merge joins the parts.");
        else
            WriteBest(results, folder);
        return ExitOf(results);
    }

    private void WriteBest(SweepResults results, string folder)
    {
        foreach (string name in (string[])[SweepFolder.LinesName, SweepFolder.PageName])
            _console.Out.WriteLine($"Written: {Path.Combine(folder, name)}");
        if (results is { BestModel: not null, Best: { } run })
        {
            string model = Path.Combine(folder, SweepFolder.BestName);
            _console.Out.WriteLine($"Best model ({run.Name}; seed {run.Seed}): {model}");
        }
        if (results.Candidates[0].Command is { } command && results.Best is { } best)
            _console.Out.WriteLine($"{command} --seed {best.Seed}");
    }

    private static Table MakeTable(SweepResults results, OptionWords words)
    {
        string[] measures = [.. results.Candidates.SelectMany(one => one.Measures.Keys).Distinct()];
        Table table = new Table().Border(TableBorder.Simple).AddColumn("candidate")
            .AddColumn(new TableColumn("held-out loss").RightAligned());
        foreach (string measure in measures)
            table.AddColumn(new TableColumn(measure).RightAligned());
        table.AddColumn("runs");
        foreach (SweepCandidateResult one in results.Candidates)
        {
            string[] cells =
            [
                one.Name, SweepReport.Shows(one.HeldOutLoss, 3),
                .. measures.Select(name => SweepReport.ShowsMeasure(one, name)),
                string.Join(", ", one.Runs.CountBy(run => run.Status)
                    .Select(pair => $"{pair.Value} {SweepReport.Word(pair.Key)}"))
                    + string.Concat(one.Runs.Select(run => run.Error).OfType<string>().Distinct()
                        .Select(error => $": {words.Of(error)}")),
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        return table;
    }

    private static string FolderOf(string path) =>
        Path.HasExtension(path) ? Path.ChangeExtension(path, null)! : path + "-results";
}
