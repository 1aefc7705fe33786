using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>A sweep's file with what its page says.</summary>
/// <param name="Sweep">The sweep.</param>
/// <param name="Title">The page's title.</param>
internal sealed record StudyFile(SweepFile Sweep, string Title)
{
    private const string Key = "study";

    // Enough that a share moves by a hundredth.
    private const int UsualDraws = 100;

    private const int UsualRows = 100;

    /// <summary>What the paper found.</summary>
    public required string Paper { get; init; }

    /// <summary>How it was done here: rows, seeds, what differs from the paper.</summary>
    public required string Setup { get; init; }

    /// <summary>What came out; null before somebody looked at it.</summary>
    public string? Verdict { get; init; }

    /// <summary>Whether that agrees with the paper, and why not where not; there where the verdict is.</summary>
    public string? Agreement { get; init; }

    /// <summary>Setting on the horizontal axis; null for one bar a candidate.</summary>
    public string? X { get; init; }

    /// <summary>Setting that has a line each; null for one line.</summary>
    public string? Series { get; init; }

    /// <summary>Measures in the table and, with the held-out loss, each a plot.</summary>
    public IReadOnlyList<string> Measures { get; init; } = [];

    /// <summary>What says of texts which value they are of; null for nothing.</summary>
    public StudyJudgeFile? Judge { get; init; }

    /// <summary>Rows of a task that is not trained, and whose loss is measured; null for none.</summary>
    public StudyOtherFile? Other { get; init; }

    /// <summary>Reads one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rows">Folder that its paths start from.</param>
    /// <exception cref="System.FormatException">It is no such file; the message names line and key.</exception>
    public static StudyFile Read(string path, string rows)
    {
        // A base is no rows: it is looked for where the command is run.
        SweepFile sweep = SweepFile.Read(path, rows, Key, baseFolder: "");
        SweepNode study = sweep.Other
            ?? throw new System.FormatException($"'{path}': expected the key '{Key}', found none.");
        study.Check(["title", "paper", "setup", "verdict", "agreement", "x", "series", "measures", "judge",
            "other"]);
        string? verdict = study.Text("verdict"), agreement = study.Text("agreement");
        if (verdict is null != agreement is null)
        {
            throw study.Fault("expected both verdict (what came out) and agreement (whether that agrees with the"
                + " paper), or neither, found one");
        }
        return new StudyFile(sweep, Needed("title"))
        {
            Paper = Needed("paper"),
            Setup = Needed("setup"),
            Verdict = verdict,
            Agreement = agreement,
            X = study.Text("x"),
            Series = study.Text("series"),
            Measures = study.Texts("measures") ?? [],
            Judge = study.Under("judge") is { } judge ? ReadJudge(judge, rows) : null,
            Other = study.Under("other") is { } other ? ReadOther(other, rows) : null,
        };

        string Needed(string key) => TextOf(study, key);
    }

    private static StudyJudgeFile ReadJudge(SweepNode judge, string rows)
    {
        judge.Check(["train", "test", "text", "value", "draws"]);
        return new StudyJudgeFile(Path.Combine(rows, TextOf(judge, "train")), Path.Combine(rows, TextOf(judge, "test")),
            TextOf(judge, "text"), TextOf(judge, "value"), judge.Number("draws") ?? UsualDraws);
    }

    private static StudyOtherFile ReadOther(SweepNode other, string rows)
    {
        other.Check(["data", "input", "label", "rows"]);
        return new StudyOtherFile(Path.Combine(rows, TextOf(other, "data")), TextOf(other, "input"),
            TextOf(other, "label"), other.Number("rows") ?? UsualRows);
    }

    private static string TextOf(SweepNode node, string key) =>
        node.Text(key) ?? throw node.Fault($"expected {key}, found none");
}
