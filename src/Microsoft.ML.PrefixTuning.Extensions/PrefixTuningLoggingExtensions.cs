using System;
using Microsoft.Extensions.Logging;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What this library says in the log of an application.</summary>
public static class PrefixTuningLoggingExtensions
{
    /// <summary>Forwards what the steps of this library say on a context's log to loggers.</summary>
    /// <param name="mlContext">The context; its log goes on as before.</param>
    /// <param name="loggers">Makes the loggers.</param>
    /// <returns>Ends the forwarding when it is disposed; the context's own end ends it as well.</returns>
    /// <remarks>
    /// A logger is named <c>Microsoft.ML.PrefixTuning.</c> and what is told of: <c>Training</c>, <c>Distillation</c>,
    /// <c>Generating</c>, <c>Load</c>, <c>Device</c>. Messages, warnings and errors have the level of that name, what
    /// ML.NET traces (the beginning and the end of a step) has <see cref="LogLevel.Trace"/>. The name of the step that
    /// speaks is the property <c>Step</c>. What other libraries say on the same context stays where it is.
    /// </remarks>
    /// <example>
    /// <code>
    /// mlContext.LogTo(services.GetRequiredService&lt;ILoggerFactory&gt;());
    /// </code>
    /// </example>
    public static IDisposable LogTo(this MLContext mlContext, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        ArgumentNullException.ThrowIfNull(loggers);
        return new LogForwarder(mlContext, loggers);
    }
}
