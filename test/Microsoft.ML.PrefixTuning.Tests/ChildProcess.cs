using System;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Tests.Options;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.ML.PrefixTuning.Tests.Tool;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>
/// A second process of this assembly, for what one process cannot show of itself. The entry point is its side.
/// </summary>
internal static class ChildProcess
{
    /// <summary>Verb: saves one file after another under a name until it is killed.</summary>
    public const string SaveForever = "save-forever";

    /// <summary>Verb: saves a file of a few bytes under a name as often as told.</summary>
    public const string SaveOften = "save-often";

    /// <summary>Line that a child writes when its work has begun.</summary>
    public const string Ready = "ready";

    /// <summary>Bytes of each file of <see cref="SaveForever"/>, all equal.</summary>
    public const int SavedBytes = 1 << 20;

    /// <summary>Starts a child, its output redirected.</summary>
    public static Process Start(params string[] arguments)
    {
        string[] command = Command(arguments);
        return Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            // Young objects are collected after 16 MiB (hexadecimal). Without it they wait until they fill a
            // processor's cache, which may have 300, and what a child measures of its memory would be that.
            Environment = { ["DOTNET_GCgen0size"] = "1000000" },
        })!;
    }

    /// <summary>The command line of a child: program and arguments.</summary>
    public static string[] Command(params string[] arguments) =>
        ["dotnet", "exec", typeof(ChildProcess).Assembly.Location, .. arguments];

    /// <summary>Runs a child to its end and gives its output.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static string Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output
            : throw new InvalidOperationException(
                $"The child process '{string.Join(' ', arguments)}' ended with {process.ExitCode}.");
    }

    private static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case [SaveForever, var path]:
                Save(path);
                return 0;
            case [ServingChild.Serve, var path]:
                ServingChild.ServeRequests(path);
                return 0;
            case [NativeHeapChild.SetUp]:
                NativeHeapChild.TellSettings();
                return 0;
            case [NativeHeapChild.Allocate]:
                NativeHeapChild.TellBlocks();
                return 0;
            case [NativeHeapChild.RunCommand, .. var command]:
                NativeHeapChild.TellBlocksBehind(command);
                return 0;
            case [FaceChild.Load, var model, var text]:
                FaceChild.WriteText(model, text);
                return 0;
            case [FaceChild.LoadTone, var model, var text, var tone]:
                FaceChild.WriteText(model, text, tone);
                return 0;
            case [SaveOften, var path, var times]:
                Save(path, int.Parse(times, CultureInfo.InvariantCulture));
                return 0;
            case [FaceChild.LoadAndForget, var model, var text, var temporary]:
                FaceChild.WriteTextAndForget(model, text, temporary);
                return 0;
            case [FaceChild.LoadAndWait, var model, var temporary]:
                FaceChild.Wait(model, temporary);
                return 0;
            case [FaceChild.ReadRows, var model]:
                FaceChild.ReadThousands(model);
                return 0;
            case [FaceChild.LoadRefused, var model]:
                FaceChild.TryToLoad(model);
                return 0;
            case [AttentionChild.Attend, var mostNumbers]:
                AttentionChild.AttendToLongRow(long.Parse(mostNumbers, CultureInfo.InvariantCulture));
                return 0;
            case [TeamChild.Meet]:
                TeamChild.TellThreads();
                return 0;
            case [FaceChild.Save, var model, var copy]:
                FaceChild.SaveForever(model, copy);
                return 0;
            case [FaceChild.SaveWithoutRoom, var model, var target]:
                FaceChild.TryToSave(model, target);
                return 0;
            case [FaceChild.SaveWithoutRoom, var model, var target, var allowed]:
                FaceChild.TryToSave(model, target, ulong.Parse(allowed, CultureInfo.InvariantCulture));
                return 0;
            case [OptionChild.Describe, var models]:
                OptionChild.DescribeAll(models);
                return 0;
            case [FaceChild.Train, var folder, var state]:
                FaceChild.TrainWithState(folder, state);
                return 0;
            default:
                return 1;
        }
    }

    private static void Save(string path, int times)
    {
        for (int i = 0; i < times; i++)
            AtomicFile.Write(path, "content"u8);
    }

    private static void Save(string path)
    {
        byte[] piece = new byte[SavedBytes / 64];
        for (byte value = 0; ; value++)
        {
            Array.Fill(piece, value);
            AtomicFile.Write(path, stream =>
            {
                for (int i = 0; i < SavedBytes; i += piece.Length)
                    stream.Write(piece);
            });
            if (value == 0)
                Console.WriteLine(Ready);
        }
    }
}
