using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.ML.PrefixTuning.Tool.Verbs;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>A sweep's file as the library takes it.</summary>
/// <param name="file">The file.</param>
/// <param name="console">Has the standard input.</param>
internal sealed class SweepRequest(SweepFile file, ToolConsole console)
{
    private string Data => Needed(file.Data, "data");

    private string Input => Needed(file.Input, "input");

    private string Output => file.Output ?? TextSource.DefaultOutput;

    private string Label => Needed(file.Label, "label");

    /// <summary>What is compared.</summary>
    public IReadOnlyList<SweepCandidate> Candidates() => [.. CandidatesWithValues().Select(one => one.Candidate)];

    /// <summary>The same, each with the values that it is made from.</summary>
    /// <param name="others">Names of options that mean something to the caller.</param>
    public IReadOnlyList<(SweepCandidate Candidate, IReadOnlyDictionary<string, IReadOnlyList<string>> Values)>
        CandidatesWithValues(params string[] others)
    {
        var template = new NamedTemplate(() => Base);
        return [.. SweepCandidates.WithValues(file, new SweepOptions(others), Command()).Select(one =>
            (one.Candidate with
            {
                Options = one.Candidate.Options with { Template = template.Of(one.Candidate.Options.Template) },
            }, one.Values))];
    }

    /// <summary>The base, which is not opened.</summary>
    public BaseModel Base => BaseArgument.Resolve(Needed(file.Base, "base"), file.PreTokenizer);

    /// <summary>What is read and written.</summary>
    public CommandFiles Files(string folder) => SweepOptions.Files(file)
        .Aggregate(new CommandFiles(), (files, path) => files.Read("prefix-start", path))
        .Read("the sweep's file", file.Path)
        .ReadRows("data", Data)
        .ReadRows("validation", file.Validation)
        .ReadRows("test", file.Test)
        .ReadBase(BaseArgument.PathOf(file.Base))
        .Write("the sweep's record", Path.Combine(folder, SweepFolder.ManifestName))
        .Write("the lines", Path.Combine(folder, SweepFolder.LinesName))
        .Write("the page", Path.Combine(folder, SweepFolder.PageName))
        .Write("the best model", Path.Combine(folder, SweepFolder.BestName));

    /// <summary>Opens the rows.</summary>
    public SweepTables Open()
    {
        var rows = new TrainingRows("sweep", Input, [Label], console);
        return new SweepTables(rows.Open(Data, file.Format),
            file.Validation is { } held ? rows.Open(held, file.Format) : null,
            file.Test is { } test ? rows.Open(test, file.Format) : null);
    }

    /// <summary>The sweep.</summary>
    public PrefixSweep Make(IReadOnlyList<SweepCandidate> candidates, SweepTables tables, string folder) => new()
    {
        OutputColumnName = Output,
        InputColumnName = Input,
        LabelColumnName = Label,
        BaseModel = Base,
        Candidates = candidates,
        Folder = folder,
        Seeds = file.Seeds,
        Halving = file.SuccessiveHalving,
        ValidationSet = tables.Validation,
        TestSet = tables.Test,
        TestPartColumnName = file.TestPartColumn,
        TextCount = file.Texts ?? 3,
        Evaluation = new TextGenerationEvaluationOptions
        {
            Metrics = file.Metrics is { } names ? MetricsOption.Parse(names) : TextMetrics.All,
            GroupColumnName = file.GroupColumn,
        },
        SavedSchema = tables.Rows.TextSchema,
    };

    /// <summary>What makes a command of a candidate's options; a key that is missing is no candidate's fault.</summary>
    private Func<IEnumerable<string>, string> Command()
    {
        string[] all =
        [
            "prefix-tune", "train", Data, "--base", Needed(file.Base, "base"),
            .. Given("--pre-tokenizer", file.PreTokenizer), "--input", Input, "--label", Label, "--output", Output,
            .. Given("--validation", file.Validation),
            .. Given("--format", file.Format is { } format ? TableFormats.NameOf(format) : null),
            "--model", "best.zip",
        ];
        return options => ShellWords.Join([.. all, .. options]);
    }

    private static IEnumerable<string> Given(string name, string? value) => value is null ? [] : [name, value];

    private string Needed(string? value, string key) =>
        value ?? throw new UsageException($"'{file.Path}': expected a value for '{key}', found none.");
}

/// <summary>The rows of a sweep.</summary>
/// <param name="Rows">Rows to train on.</param>
/// <param name="Validation">Rows that decide; null where some of the others are held out.</param>
/// <param name="Test">Rows that texts are written for; null for none.</param>
internal sealed record SweepTables(TextTableView Rows, TextTableView? Validation, TextTableView? Test) : IDisposable
{
    public void Dispose()
    {
        Rows.Dispose();
        Validation?.Dispose();
        Test?.Dispose();
    }
}
