using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Hosts;

/// <summary>What the log of a context becomes in the log of an application.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LogToTests
{
    private const string Training = "Microsoft.ML.PrefixTuning.Training";

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
            Assert.IsTrue(loggers.Said.Any(one => one.Category == "Microsoft.ML.PrefixTuning.Generating"));
        }
        int before = loggers.Said.Count;
        using PrefixTuningTransformer quiet = TinyBase.Fit(mlContext);
        Assert.HasCount(before, loggers.Said, "the forwarding has ended");
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
