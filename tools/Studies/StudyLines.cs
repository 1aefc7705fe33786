using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>
/// What a study's pages keep of its runs: a line each (<c>NAME.jsonl</c>) and which sweep they are of
/// (<c>NAME.sweep.json</c>), from which a fresh folder of results goes on.
/// </summary>
internal static class StudyLines
{
    /// <summary>Writes them: without the losses of single steps, and without models, which are not kept.</summary>
    public static void Write(SweepResults results, string pages, string name)
    {
        string lines = string.Concat(results.Runs.Where(run => run.Status != SweepRunStatus.Waiting)
            .Select(run => SweepFolder.Line(run with { Losses = [], Model = null }) + "\n"));
        AtomicFile.Write(LinesOf(pages, name), Encoding.UTF8.GetBytes(lines));
        SweepManifest manifest = SweepFolder.ReadManifest(Path.Combine(results.Folder, SweepFolder.ManifestName));
        AtomicFile.Write(ManifestOf(pages, name), SweepFolder.Bytes(manifest with
        {
            // Commands name the rows by their places on the machine that took the runs; nothing compares them.
            Candidates = [.. manifest.Candidates.Select(one => one with { Command = null })],
        }));
    }

    /// <summary>
    /// Puts the runs that are done into a folder that has no result of them: other machines may have taken more than
    /// this one, and the pages are written from the folder. Whether they are of the sweep that is asked for is asked
    /// where it is gone on with, as of any folder.
    /// </summary>
    /// <exception cref="FormatException">A line is no run of the sweep.</exception>
    /// <exception cref="InvalidOperationException">The folder has another sweep than the lines.</exception>
    public static void Restore(string results, string pages, string name)
    {
        string manifest = ManifestOf(pages, name), lines = LinesOf(pages, name);
        if (!File.Exists(manifest) || !File.Exists(lines))
            return;
        SweepManifest known = SweepFolder.ReadManifest(manifest);
        SweepRun[] runs = [.. SweepFolder.ReadLines(lines).Where(run => run.Status == SweepRunStatus.Done)];
        Dictionary<int, SweepRun> planned = known.Runs.ToDictionary(run => run.Number);
        foreach (SweepRun run in runs)
        {
            SweepRun? plan = planned.GetValueOrDefault(run.Number);
            if ((plan?.Name, plan?.Seed) != (run.Name, run.Seed))
            {
                throw new FormatException($"'{lines}', run {run.Number}: expected {Named(plan)}, as '{manifest}' has"
                    + $" it, found {Named(run)}.");
            }
        }
        SweepFolder folder = SweepFolder.Make(results, known);
        foreach (SweepRun run in runs.Where(run => folder.Read(run with { Status = SweepRunStatus.Waiting })
            .Status != SweepRunStatus.Done))
        {
            folder.Write(run);
        }
    }

    private static string Named(SweepRun? run) => run is null ? "none" : $"'{run.Name}' with seed {run.Seed}";

    private static string LinesOf(string pages, string name) => Path.Combine(pages, $"{name}.jsonl");

    private static string ManifestOf(string pages, string name) => Path.Combine(pages, $"{name}.sweep.json");
}
