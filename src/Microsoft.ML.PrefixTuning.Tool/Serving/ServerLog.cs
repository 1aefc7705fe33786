using System;
using System.Globalization;
using System.IO;
using Microsoft.Extensions.Logging;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>
/// The server's lines on standard error: a line a request, without what was asked and answered unless that is wanted,
/// and what the framework warns of. Safe for concurrent use.
/// </summary>
/// <param name="error">Takes the lines.</param>
/// <param name="hasTexts">Whether prompts and texts are written too.</param>
internal sealed class ServerLog(TextWriter error, bool hasTexts) : ILoggerProvider
{
    private readonly TextWriter _error = TextWriter.Synchronized(error);

    /// <summary>Writes a line.</summary>
    public void Say(string line) => _error.WriteLine($"prefix-tune: {line}");

    /// <summary>Writes the line of a request.</summary>
    public void Tell(RequestNote note)
    {
        string line = string.Create(CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {note.Method} {note.Route} {note.Status}")
            + (note.Model is null ? "" : $" {note.Model}")
            + (note.NewTokens > 0 ? $" {note.PromptTokens}+{note.NewTokens} tokens" : "")
            + string.Create(CultureInfo.InvariantCulture, $" {note.Seconds:F3} s")
            + (note.Error is null ? "" : $" ({note.Error})");
        if (hasTexts && note.Prompt is not null)
            line += $" {FileText.Quote(note.Prompt)} -> {FileText.Quote(note.Text ?? "")}";
        _error.WriteLine(line);
    }

    public ILogger CreateLogger(string categoryName) => new FrameworkLogger(this);

    public void Dispose()
    {
    }

    private sealed class FrameworkLogger(ServerLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.Say($"{formatter(state, exception)} {exception}".Trim());
        }
    }
}

/// <summary>What a request's line in the log says.</summary>
internal sealed class RequestNote
{
    /// <summary>The method, where it is one that is known.</summary>
    public required string Method { get; init; }

    /// <summary>The route, never what a client typed.</summary>
    public string Route { get; set; } = "(no route)";

    /// <summary>The HTTP status; 499 where the client went away.</summary>
    public int Status { get; set; }

    /// <summary>The model's own name.</summary>
    public string? Model { get; set; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; set; }

    /// <summary>Tokens written.</summary>
    public int NewTokens { get; set; }

    /// <summary>How long it took.</summary>
    public double Seconds { get; set; }

    /// <summary>Why it got no text, in the program's words; null where it did.</summary>
    public string? Error { get; set; }

    /// <summary>What was asked.</summary>
    public string? Prompt { get; set; }

    /// <summary>What was answered.</summary>
    public string? Text { get; set; }
}
