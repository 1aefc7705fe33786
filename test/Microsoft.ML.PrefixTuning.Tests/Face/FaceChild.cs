using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What a child process does with the public face; its output is what the parent reads.</summary>
internal static partial class FaceChild
{
    /// <summary>Verb: loads a saved model with an untouched MLContext and prints the text it writes.</summary>
    public const string Load = "load-model";

    /// <summary>Verb: the same for a row with an attribute.</summary>
    public const string LoadTone = "load-model-with-tone";

    /// <summary>Verb: loads a saved model, then saves it to another file again and again until it is killed.</summary>
    public const string Save = "save-model-forever";

    /// <summary>Verb: trains with a state file, written after every step, and prints the prefix's hash last.</summary>
    public const string Train = "train-with-state";

    /// <summary>Verb: loads a saved model, tries to save it over another file, and tells what came of it.</summary>
    public const string SaveWithoutRoom = "save-model-without-room";

    /// <summary>Verb: loads a saved model, prints the text it writes, and ends without disposing anything.</summary>
    public const string LoadAndForget = "load-model-and-forget";

    /// <summary>Verb: loads a saved model and keeps it until it is killed.</summary>
    public const string LoadAndWait = "load-model-and-wait";

    /// <summary>
    /// Verb: loads a saved model, reads the texts of thousands of rows, and tells what that left behind.
    /// </summary>
    public const string ReadRows = "read-rows";

    /// <summary>Verb: tries to load a saved model and prints the kind and the words of what is thrown.</summary>
    public const string LoadRefused = "load-refused-model";

    // RLIMIT_FSIZE of Linux.
    private const int FileSize = 1;

    public static void WriteText(string model, string text)
    {
        var mlContext = new MLContext(seed: 1);
        ITransformer loaded = mlContext.Model.Load(model, out _);
        using PredictionEngine<FaceRow, FaceOutput> engine =
            mlContext.Model.CreatePredictionEngine<FaceRow, FaceOutput>(loaded);
        Console.Write(engine.Predict(new FaceRow { Input = text }).Output);
    }

    public static void WriteText(string model, string text, string tone)
    {
        var mlContext = new MLContext(seed: 1);
        ITransformer loaded = mlContext.Model.Load(model, out _);
        using PredictionEngine<ToneRow, ToneOutput> engine =
            mlContext.Model.CreatePredictionEngine<ToneRow, ToneOutput>(loaded);
        Console.Write(engine.Predict(new ToneRow { Input = text, Tone = tone }).Output);
    }

    public static void WriteTextAndForget(string model, string text, string temporary)
    {
        var mlContext = new MLContext(seed: 1) { TempFilePath = temporary };
        ITransformer loaded = mlContext.Model.Load(model, out _);
        Console.Write(TinyBase.Texts(mlContext, loaded, [new FaceRow { Input = text }]).Single());
    }

    public static void Wait(string model, string temporary)
    {
        var mlContext = new MLContext(seed: 1) { TempFilePath = temporary };
        using var loaded = (IDisposable)mlContext.Model.Load(model, out _);
        Console.WriteLine(ChildProcess.Ready);
        Thread.Sleep(Timeout.Infinite);
    }

    public static void ReadThousands(string model)
    {
        var mlContext = new MLContext(seed: 1);
        ITransformer loaded = mlContext.Model.Load(model, out _);
        // Every tenth row is longer than the window and becomes an error text.
        FaceRow[] rows = [.. TinyBase.Rows(10)];
        rows[9].Input = string.Concat(Enumerable.Repeat("name : Venue | ", 120));
        int count = 0, errors = 0;
        Read(100);
        long tensors = OwnTensors.Live, memory = ResidentMegabytes();
        Read(1000);
        Console.WriteLine($"{count} rows, {errors} errors");
        Console.WriteLine($"{OwnTensors.Live - tensors} tensors");
        Console.WriteLine($"{ResidentMegabytes() - memory} MB");

        void Read(int repeats)
        {
            IEnumerable<FaceRow> all = Enumerable.Repeat(rows, repeats).SelectMany(part => part);
            IDataView written = loaded.Transform(mlContext.Data.LoadFromEnumerable(all));
            foreach (ServedRow row in mlContext.Data.CreateEnumerable<ServedRow>(written, reuseRowObject: true))
            {
                count++;
                errors += row.Error.Length > 0 ? 1 : 0;
            }
        }

        static long ResidentMegabytes()
        {
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64 >> 20;
        }
    }

    public static void TryToLoad(string model)
    {
        try
        {
            new MLContext(seed: 1).Model.Load(model, out _);
        }
        catch (Exception fault)
        {
            Console.Write($"{fault.GetType().Name}: {fault.Message}");
        }
    }

    public static void SaveForever(string model, string copy)
    {
        var mlContext = new MLContext(seed: 1);
        ITransformer loaded = mlContext.Model.Load(model, out DataViewSchema schema);
        Console.WriteLine(ChildProcess.Ready);
        while (true)
            mlContext.Model.SaveAtomically(loaded, schema, copy);
    }

    /// <param name="model">The model to load.</param>
    /// <param name="target">The file to save it over.</param>
    /// <param name="allowed">
    /// Bytes a file may have from then on, or null for any number; the caller sees to it that the signal is ignored.
    /// </param>
    public static void TryToSave(string model, string target, ulong? allowed = null)
    {
        var mlContext = new MLContext(seed: 1);
        ITransformer loaded = mlContext.Model.Load(model, out DataViewSchema schema);
        byte[] before = File.ReadAllBytes(target);
        // Not before: loading unpacks the model to a temporary file.
        if (allowed is { } most && SetLimit(FileSize, [most, ulong.MaxValue]) != 0)
            throw new InvalidOperationException(
                $"The size of files could not be limited: error {Marshal.GetLastPInvokeError()}.");
        try
        {
            mlContext.Model.SaveAtomically(loaded, schema, target);
            Console.WriteLine("saved");
        }
        catch (IOException fault)
        {
            Console.WriteLine(fault.Message);
        }
        if (allowed is not null)
            _ = SetLimit(FileSize, [ulong.MaxValue, ulong.MaxValue]);
        Console.WriteLine(File.ReadAllBytes(target).AsSpan().SequenceEqual(before) ? "untouched" : "changed");
        Console.WriteLine(string.Join(", ", Directory.GetFiles(Path.GetDirectoryName(target)!)
            .Select(Path.GetFileName)));
        mlContext.Model.Load(target, out _);
        Console.WriteLine("loads");
    }

    public static void TrainWithState(string folder, string state)
    {
        var mlContext = new MLContext(seed: 1);
        using PrefixTuningTransformer tuned = mlContext.Transforms.Text.PrefixTune("Output", "Input", "Label",
            BaseModel.FromFolder(folder), new PrefixTuningOptions
            {
                // So long that tensors, and not the growing list of steps, are most of the state.
                Prefix = new PrefixOptions { Length = 16 },
                Training = new TrainingOptions
                {
                    BatchSize = 2,
                    MaxEpochs = 6,
                    StateFile = state,
                    StateInterval = 1,
                    Progress = progress => Console.WriteLine($"step {progress.Step}"),
                },
            }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(24)));
        Console.WriteLine(Convert.ToHexString(SHA256.HashData(tuned.Prefix!.ToBytes())));
    }

    /// <param name="resource">Which limit.</param>
    /// <param name="limits">The present one and the highest that may be asked for.</param>
    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int resource, ulong[] limits);

    private sealed class ServedRow
    {
        public string Output { get; set; } = "";

        public string Error { get; set; } = "";
    }
}
