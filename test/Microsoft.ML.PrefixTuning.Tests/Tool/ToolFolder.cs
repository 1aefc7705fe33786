using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>A folder for a test's files, and the command run in this process on them.</summary>
internal sealed class ToolFolder : IDisposable
{
    /// <summary>The tiny base of most tests.</summary>
    public static string Base { get; } = TinyBase.Folder("llama");

    /// <summary>A console that nobody reads.</summary>
    public static ToolConsole Silent { get; } = new(TextReader.Null, TextWriter.Null, TextWriter.Null);

    /// <summary>The folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("prefix-tune-").FullName;

    /// <summary>Path of a file in it.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Writes a file and gives its path.</summary>
    public string Write(string name, params string[] lines)
    {
        File.WriteAllText(this[name], string.Concat(lines.Select(line => line + "\n")));
        return this[name];
    }

    /// <summary>Rows to train on, in the format of the file's ending.</summary>
    public string WriteRows(string name, int count = 12)
    {
        FaceRow[] rows = [.. TinyBase.Rows(count)];
        return Path.GetExtension(name) switch
        {
            ".jsonl" => Write(name, [.. rows.Select(row => JsonSerializer.Serialize(new { row.Input, row.Label }))]),
            ".csv" => Write(name, ["Input,Label", .. rows.Select(row => $"\"{row.Input}\",{row.Label}")]),
            _ => Write(name, ["Input\tLabel", .. rows.Select(row => $"{row.Input}\t{row.Label}")]),
        };
    }

    /// <summary>Trains for a moment and gives the model's path.</summary>
    public string Train(string model = "model.zip", string rows = "rows.tsv", params string[] options)
    {
        string path = this[model];
        ToolRun run =
            Run(["train", WriteRows(rows), "--base", Base, "--input", "Input", "--label", "Label", "--model", path,
            "--prefix-length", "4", "--max-steps", "4", "--batch-size", "4", "--seed", "3", "--max-new-tokens", "10",
                .. options]);
        return run.Code == ExitCode.Done ? path : throw new InvalidOperationException(run.Error);
    }

    /// <summary>
    /// Trains for a moment with a column of tones, each of which has a prefix, and gives the model's path.
    /// </summary>
    public string TrainTones(string model = "tones.zip", params string[] options)
    {
        string rows =
            Write("tones.tsv", ["Input\tLabel\tTone", .. TinyBase.Rows(12)
            .Select((row, i) => $"{row.Input}\t{row.Label}\t{(i % 2 == 0 ? "calm" : "loud")}")]);
        ToolRun run = Run(["train", rows, "--base", Base, "--input", "Input", "--label", "Label", "--model",
            this[model], "--attribute-column", "Tone",
            "--attribute-length", "3", "--prefix-length", "4", "--max-steps", "4", "--batch-size", "4", "--seed", "3",
                "--max-new-tokens", "10", .. options]);
        return run.Code == ExitCode.Done ? this[model] : throw new InvalidOperationException(run.Error);
    }

    /// <summary>Runs the command.</summary>
    public static ToolRun Run(params string[] arguments) => RunWith("", arguments);

    /// <summary>Runs the command with a standard input.</summary>
    public static ToolRun RunWith(string input, params string[] arguments)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        int code = ToolCommand.Run(arguments, new ToolConsole(new StringReader(input), output, error));
        return new ToolRun(code, output.ToString(), error.ToString());
    }

    /// <summary>The command line that runs the command as a process of its own.</summary>
    public static string[] Command(params string[] arguments) =>
        ["dotnet", "exec", typeof(ToolCommand).Assembly.Location, .. arguments];

    /// <summary>Starts the command as a process of its own, its streams redirected.</summary>
    public static Process Start(params string[] arguments)
    {
        // What runs the tests may ignore interrupts, and a child inherits that.
        string[] command =
            [.. OperatingSystem.IsLinux() ? (string[])["env", "--default-signal=INT"] : [], .. Command(arguments)];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>What a run of the command gave.</summary>
internal sealed record ToolRun(int Code, string Out, string Error)
{
    /// <summary>Lines of standard output.</summary>
    public string[] Lines => Out.TrimEnd('\n').Split('\n');
}
