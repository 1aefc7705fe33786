using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>A sweep's file with what its page says.</summary>
/// <param name="Sweep">The sweep.</param>
/// <param name="Title">The page's title.</param>
internal sealed record StudyFile(SweepFile Sweep, string Title)
{
    private const string Key = "study";

    /// <summary>What the paper found.</summary>
    public required string Paper { get; init; }

    /// <summary>How it was done here: rows, seeds, what differs from the paper.</summary>
    public required string Setup { get; init; }

    /// <summary>What came out, whether it agrees, and why not where not; null before somebody looked at it.</summary>
    public string? Verdict { get; init; }

    /// <summary>Setting on the horizontal axis; null for one bar a candidate.</summary>
    public string? X { get; init; }

    /// <summary>Setting that has a line each; null for one line.</summary>
    public string? Series { get; init; }

    /// <summary>Measures in the table and, with the held-out loss, each a plot.</summary>
    public IReadOnlyList<string> Measures { get; init; } = [];

    /// <summary>Reads one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rows">Folder that its paths start from.</param>
    /// <exception cref="System.FormatException">It is no such file; the message names line and key.</exception>
    public static StudyFile Read(string path, string rows)
    {
        SweepFile sweep = SweepFile.Read(path, rows, Key);
        SweepNode study = sweep.Other
            ?? throw new System.FormatException($"'{path}': expected the key '{Key}', found none.");
        study.Check(["title", "paper", "setup", "verdict", "x", "series", "measures"]);
        return new StudyFile(sweep, Needed("title"))
        {
            Paper = Needed("paper"),
            Setup = Needed("setup"),
            Verdict = study.Text("verdict"),
            X = study.Text("x"),
            Series = study.Text("series"),
            Measures = study.Texts("measures") ?? [],
        };

        string Needed(string key) => study.Text(key) ?? throw study.Fault($"expected {key}, found none");
    }
}
