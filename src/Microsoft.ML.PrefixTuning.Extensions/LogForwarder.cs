using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Hands on what a context's log has from this library.</summary>
internal sealed class LogForwarder : IDisposable
{
    private const string Category = "Microsoft.ML.PrefixTuning.";

    // A step registers itself under its type's name.
    private static readonly HashSet<string> Steps =
        [.. typeof(PrefixTuningEstimator).Assembly.GetTypes().Select(type => type.Name)];

    private readonly MLContext _context;
    private readonly ILoggerFactory _loggers;

    public LogForwarder(MLContext context, ILoggerFactory loggers)
    {
        (_context, _loggers) = (context, loggers);
        context.Log += Forward;
    }

    public void Dispose() => _context.Log -= Forward;

    private void Forward(object? sender, LoggingEventArgs said)
    {
        // The step and what it does: "PrefixTuningEstimator; Training".
        string[] source = said.Source.Split(';', StringSplitOptions.TrimEntries);
        if (!Steps.Contains(source[0]))
            return;
        _loggers.CreateLogger(Category + source[^1]).Log(Level(said.Kind), "{Step}: {Message}", source[0],
            said.RawMessage);
    }

    private static LogLevel Level(ChannelMessageKind kind) => kind switch
    {
        ChannelMessageKind.Error => LogLevel.Error,
        ChannelMessageKind.Warning => LogLevel.Warning,
        ChannelMessageKind.Info => LogLevel.Information,
        _ => LogLevel.Trace,
    };
}
