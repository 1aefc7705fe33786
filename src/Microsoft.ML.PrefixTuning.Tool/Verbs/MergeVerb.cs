using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Shards;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>merge</c>: the parts of a run in, one file out; or which parts are missing.</summary>
internal static class MergeVerb
{
    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        Argument<string> whole =
            PathArgument.Make<string>("file", "The file that the parts are for: --to of 'generate --shard'.");
        var shards = new Option<int>("--shards")
        {
            Description = "How many parts there are.",
            HelpName = "N",
            Required = true,
        };
        shards.Validators.Add(result =>
        {
            if (!int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
                || count is 0 or > RowShard.Most)
            {
                result.AddError($"--shards: expected 1 to {RowShard.Most.ToString(CultureInfo.InvariantCulture)}, found"
                    + $" '{result.Tokens[0].Value}'.");
            }
        });
        var missing = new Option<bool>("--missing")
        {
            Description = "Write nothing; print the numbers of the parts that are not done, such as 3,7-9, as an array"
                + " of a scheduler takes them. Without any, print nothing.",
        };
        var command = new Verb("merge",
            "Joins the parts that 'generate --shard' wrote, all of them and each once, in the order of the rows: the"
                + " bytes of a run of one part.")
        { whole, shards, missing };
        command.SetAction(parsed => Run(console, parsed.GetValue(whole)!, parsed.GetValue(shards),
            parsed.GetValue(missing)));
        HelpWithExamples.Add(command,
            "prefix-tune merge described.csv --shards 16",
            "sbatch --array=$(prefix-tune merge described.csv --shards 16 --missing) score.sbatch");
        return command;
    }

    private static int Run(ToolConsole console, string whole, int count, bool onlyMissing)
    {
        RunManifest? run = RunManifest.Read(whole);
        if (run is not null && run.Parts != count)
        {
            throw new UsageException(
                $"--shards: expected {run.Parts}, as '{RunManifest.PathFor(whole)}' says, found {count}.");
        }
        int[] missing = PartMerge.Missing(whole, count, run);
        if (onlyMissing)
        {
            if (missing.Length > 0)
                console.Out.WriteLine(RowShard.Ranges(missing));
            return ExitCode.Done;
        }
        if (missing.Length > 0)
        {
            throw new IOException($"'{whole}': expected all of {count} parts to be done, found {missing.Length} that"
                + $" are not: {RowShard.Ranges(missing)}.");
        }
        Files(whole, run!).Check();
        CheckRows(whole, run!);
        PartMerge.Join(whole, run!);
        console.Error.WriteLine(
            $"{CountText.Of(run!.Rows, "row")} of {CountText.Of(count, "part")} written to {whole}.");
        return ExitCode.Done;
    }

    /// <summary>
    /// Refuses to write over the rows, whatever link leads to them. The run does not know where they lie on this
    /// machine, but what is in them.
    /// </summary>
    private static void CheckRows(string whole, RunManifest run)
    {
        if (FileStatus.Of(whole) is not { Kind: FileKind.File } status)
            return;
        SourceFile[] alike = [.. run.Files.Where(file => file.Bytes == status.Bytes)];
        string hash = alike.Length == 0 ? "" : SourceFile.HashOf(whole);
        if (Array.Find(alike, file => file.Hash == hash) is { } rows)
        {
            throw new UsageException($"the whole file '{whole}': expected another file than the rows, found the content"
                + $" of '{rows.Name}'.");
        }
    }

    private static CommandFiles Files(string whole, RunManifest run)
    {
        CommandFiles files = new CommandFiles().Write("the whole file", whole)
            .Read("the run's manifest", RunManifest.PathFor(whole));
        foreach (RowShard shard in RowShard.All(run.Parts))
        {
            string part = shard.PathOf(whole);
            files.Read("a part", part).Read("a part's record", PartRecord.PathFor(part));
        }
        return files;
    }
}
