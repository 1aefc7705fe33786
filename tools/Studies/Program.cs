using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using Microsoft.ML.PrefixTuning.Tool.Verbs;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>
/// <c>dotnet run --project tools/Studies -- STUDY FOLDER</c>: runs what is missing of a study and writes its pages.
/// </summary>
internal static class Program
{
    private static readonly Argument<string> Study =
        new("study") { Description = "Name of a sweep's file in docs/studies, without its ending." };
    private static readonly Argument<DirectoryInfo> Rows =
        new("folder") { Description = "Folder of rows, from which the file's paths start." };
    private static readonly Option<DirectoryInfo?> Results =
        new("--results") { Description = "Folder of states and results. Default: artifacts/studies/STUDY." };
    private static readonly Option<DirectoryInfo?> Docs =
        new("--docs") { Description = "Folder that has the file and takes the pages. Default: docs/studies." };
    private static readonly Option<string?> Shard =
        new("--shard") { Description = "Take only every N-th run, from the I-th on: I/N. No pages are written." };
    private static readonly Option<ModelPrecision?> Automatic = new("--automatic")
    {
        Description = "What the precision automatic is, where a processor is faster without its bfloat16: float32.",
    };
    private static readonly Option<bool> Pages =
        new("--pages") { Description = "Run nothing; write the pages of what is there." };
    private static readonly Option<bool> Smoke = new("--smoke")
    {
        Description = "Two steps of a few candidates, to see that all works; its pages lie with its results.",
    };

    private static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
        return Invoke(arguments);
    }

    /// <summary>The command; 1 also where a run failed.</summary>
    internal static int Invoke(string[] arguments)
    {
        var command = new RootCommand("Runs a study of docs/studies and writes its pages.")
        {
            Study, Rows, Results, Docs, Shard, Automatic, Pages, Smoke,
        };
        command.SetAction(parsed => Run(parsed));
        return command.Parse(arguments).Invoke();
    }

    private static int Run(ParseResult parsed)
    {
        string name = parsed.GetValue(Study)!;
        string docs = parsed.GetValue(Docs)?.FullName ?? Path.Combine("docs", "studies");
        var request = new StudyRequest(StudyFile.Read(Path.Combine(docs, $"{name}.yaml"),
            parsed.GetValue(Rows)!.FullName))
        {
            Results = parsed.GetValue(Results)?.FullName ?? Path.Combine("artifacts", "studies", name),
            Shard = parsed.GetValue(Shard),
            Automatic = parsed.GetValue(Automatic),
            IsSmoke = parsed.GetValue(Smoke),
        };
        if (!request.IsSmoke)
            StudyLines.Restore(request.Folder, docs, name);
        SweepResults results = parsed.GetValue(Pages) ? request.Read() : request.Run();
        if (parsed.GetValue(Shard) is null)
        {
            string target = request.IsSmoke ? request.Folder : docs;
            StudyPage.Write(request.File, results, target, name);
            Console.WriteLine($"Written: {Path.Combine(target, $"{name}.md")}");
        }
        return SweepVerb.ExitOf(results);
    }
}
