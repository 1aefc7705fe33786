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
        AtomicFile.Write(ManifestOf(pages, name),
            File.ReadAllBytes(Path.Combine(results.Folder, SweepFolder.ManifestName)));
    }

    /// <summary>
    /// Puts the runs that are done into a folder that has no results yet. Whether they are of the same sweep is asked
    /// where it is gone on with, as of any folder.
    /// </summary>
    public static void Restore(string results, string pages, string name)
    {
        string manifest = ManifestOf(pages, name), lines = LinesOf(pages, name);
        if (File.Exists(Path.Combine(results, SweepFolder.ManifestName)) || !File.Exists(manifest)
            || !File.Exists(lines))
        {
            return;
        }
        SweepRun[] runs = [.. SweepFolder.ReadLines(lines).Where(run => run.Status == SweepRunStatus.Done)];
        SweepFolder folder = SweepFolder.Make(results, SweepFolder.ReadManifest(manifest));
        foreach (SweepRun run in runs)
            folder.Write(run);
    }

    private static string LinesOf(string pages, string name) => Path.Combine(pages, $"{name}.jsonl");

    private static string ManifestOf(string pages, string name) => Path.Combine(pages, $"{name}.sweep.json");
}
