using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Hosts;

/// <summary>What the log of a context becomes in the log of an application.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class LogToTests
{
    private const string Training = "Microsoft.ML.PrefixTuning.Training",
        Distillation = "Microsoft.ML.PrefixTuning.Distillation", Generating = "Microsoft.ML.PrefixTuning.Generating",
        Load = "Microsoft.ML.PrefixTuning.Load", Device = "Microsoft.ML.PrefixTuning.Device";

    [TestMethod]
    public void LogTo_OfATraining_TellsItByCategoryAndLevel()
    {
        var mlContext = new MLContext(seed: 1);
        using var loggers = new Loggers();
        using (mlContext.LogTo(loggers))
        {
            // One row is held out, and decides alone.
            using PrefixTuningTransformer model = TinyBase.Fit(mlContext, TinyBase.Quick with
            {
                Training = TinyBase.Quick.Training with { ValidationFraction = 0.1 },
            });
            Assert.IsTrue(loggers.Said.Any(one => one is (Training, LogLevel.Information, _)
                && one.Text.StartsWith("PrefixTuningEstimator: Epoch 1, step 1/", StringComparison.Ordinal)));
            Assert.IsTrue(loggers.Said.Any(one => one is (Training, LogLevel.Warning, _)
                && one.Text.Contains("decides on the best step", StringComparison.Ordinal)));
            Assert.IsTrue(loggers.Said.Any(one => one is (Training, LogLevel.Trace, _)));
            _ = model.Transform(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(2))).GetColumn<string>("Output")
                .ToArray();
            Assert.IsTrue(loggers.Said.Any(one => one.Category == Generating));
        }
        int before = loggers.Said.Count;
        using PrefixTuningTransformer quiet = TinyBase.Fit(mlContext);
        Assert.HasCount(before, loggers.Said, "the forwarding has ended");
    }

    [TestMethod]
    public void LogTo_OfADistillation_TellsItsSteps()
    {
        var said = Said(mlContext =>
        {
            using PrefixTuningTransformer model = mlContext.Transforms.Text.DistillPrefix("Output", "Input",
                TinyBase.Llama, PrefixTeacher.FromText("Say what the name of the venue is and what food it has.\n"),
                new DistillationOptions
                {
                    Student = TinyBase.Quick with { Prefix = new PrefixOptions { Length = 2 } },
                    Continuations = new GenerationOptions { MaxNewTokens = 4 },
                }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(8)));
        });

        Assert.Contains((Distillation, LogLevel.Information,
            "PrefixDistillationEstimator: The teacher writes a continuation for every row."), said);
        Assert.IsTrue(said.Any(one => one is (Distillation, LogLevel.Information, _)
            && one.Text.StartsWith("PrefixDistillationEstimator: Epoch 1, step 1/", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void LogTo_OfRowsThatAreCut_WarnsUnderGenerating()
    {
        var said = Said(mlContext =>
        {
            using PrefixTuningTransformer model = mlContext.Transforms.Text.GenerateText("Output", "Input",
                TinyBase.Llama, options: new TextGenerationOptions
                {
                    Generation = new GenerationOptions { MaxNewTokens = 2, Truncation = PromptTruncation.Start },
                }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(1)));
            string tooLong = string.Concat(Enumerable.Repeat("name : Venue | ", 200));
            _ = TinyBase.Texts(mlContext, model, [new FaceRow { Input = tooLong }]);
        });

        Assert.IsTrue(said.Any(one => one is (Generating, LogLevel.Warning, _)
            && one.Text.StartsWith("TextGenerationEstimator: ", StringComparison.Ordinal)), string.Join('\n', said));
    }

    [TestMethod]
    public void LogTo_OfAModelByFormerRules_WarnsUnderLoad()
    {
        using var folder = new TemporaryFolder();
        var mine = new MLContext(seed: 1);
        using (PrefixTuningTransformer model = mine.Transforms.Text.GenerateText("Output", "Input",
            Letters.Base(folder["letters"], """{ "add_prefix_space": false }"""))
            .Fit(mine.Data.LoadFromEnumerable(TinyBase.Rows(1))))
            mine.Model.SaveAtomically(model, null, folder["model.zip"]);
        ModelArchive.ForgetRules(folder["model.zip"]);

        var said = Said(mlContext => ((IDisposable)mlContext.Model.Load(folder["model.zip"], out _)).Dispose());

        Assert.IsTrue(said.Any(one => one is (Load, LogLevel.Warning, _)
            && one.Text.StartsWith("PrefixTuningTransformer: ", StringComparison.Ordinal)
            && one.Text.Contains("keeps the rules that it was trained with", StringComparison.Ordinal)),
            string.Join('\n', said));
    }

    [TestMethod]
    public void LogTo_WhereTheProcessorStandsIn_WarnsUnderDevice()
    {
        // No machine has so many.
        var said = Said(mlContext => TinyBase.Fit(mlContext).Dispose(),
            new MLContext(seed: 1) { GpuDeviceId = 1000, FallbackToCpu = true });

        Assert.IsTrue(said.Any(one => one is (Device, LogLevel.Warning, _)
            && one.Text.StartsWith("PrefixTuningEstimator: MLContext.GpuDeviceId is 1000", StringComparison.Ordinal)),
            string.Join('\n', said));
    }

    [TestMethod]
    public void Categories_OfTheDocument_AreThoseThatStepsHave()
    {
        string[] told = [.. Document().Matches(Documents.Read(Path.Combine(Source.Root, "docs", "observing.md")))
            .SelectMany(row => Name().Matches(row.Value)).Select(name => name.Groups[1].Value).Order()];
        string[] said = [.. Source.LibraryFiles
            .SelectMany(file => Started().Matches(File.ReadAllText(Path.Combine(Source.Library, file))))
            .Select(start => start.Groups[1].Value).Distinct().Order()];

        CollectionAssert.AreEqual((string[])["Device", "Distillation", "Generating", "Load", "Training"], told);
        CollectionAssert.AreEqual(told, said);
    }

    [TestMethod]
    public void LogTo_OfOtherLibraries_TellsNothing()
    {
        var mlContext = new MLContext(seed: 1);
        var heard = new List<string>();
        mlContext.Log += (_, said) => heard.Add(said.Source);
        using var loggers = new Loggers();
        using IDisposable forwarding = mlContext.LogTo(loggers);
        IDataView rows = mlContext.Data.LoadFromEnumerable(TinyBase.Rows(8));
        _ = mlContext.Transforms.Text.FeaturizeText("Features", "Input").Fit(rows).Transform(rows)
            .GetColumn<float[]>("Features").ToArray();
        Assert.IsNotEmpty(heard);
        Assert.IsEmpty(loggers.Said);
    }

    /// <summary>What loggers are told while something is done.</summary>
    private static (string Category, LogLevel Level, string Text)[] Said(Action<MLContext> act,
        MLContext? context = null)
    {
        MLContext mlContext = context ?? new MLContext(seed: 1);
        using var loggers = new Loggers();
        using (mlContext.LogTo(loggers))
            act(mlContext);
        return [.. loggers.Said];
    }

    /// <summary>A row of the table of categories.</summary>
    [GeneratedRegex(@"^\| `Microsoft\.ML\.PrefixTuning\.[^|]*", RegexOptions.Multiline)]
    private static partial Regex Document();

    [GeneratedRegex(@"\.(\w+)`")]
    private static partial Regex Name();

    /// <summary>Where a step begins to speak.</summary>
    [GeneratedRegex("""(?:host|environment)\.Start\("(\w+)"\)""")]
    private static partial Regex Started();

    private sealed class Loggers : ILoggerFactory
    {
        public ConcurrentQueue<(string Category, LogLevel Level, string Text)> Said { get; } = [];

        public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class Logger(Loggers loggers, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            loggers.Said.Enqueue((category, logLevel, formatter(state, exception)));
    }
}
