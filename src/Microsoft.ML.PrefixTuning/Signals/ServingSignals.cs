using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.PrefixTuning.Signals;

/// <summary>
/// What is measured of a generator's requests. The one tag with an open set of values, the prefix, is a name that the
/// generator knows.
/// </summary>
internal sealed class ServingSignals : IDisposable
{
    /// <summary>Tag of a request's prefix; empty for one without.</summary>
    public const string PrefixTag = "prefix_tuning.prefix";

    private const string OutcomeTag = "prefix_tuning.outcome";

    // From a token of a small model on a few cores to a long queue.
    private static readonly double[] Seconds = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private static readonly string[] Outcomes = ["done", "failed", "cancelled"];

    private static readonly Counter<long> Requests = SignalSource.Meter.CreateCounter<long>(
        "prefix_tuning.serving.requests", "{request}", "Requests that ended.");

    private static readonly Counter<long> NewTokens = SignalSource.Meter.CreateCounter<long>(
        "prefix_tuning.serving.tokens", "{token}", "New tokens of requests, also of those that were cancelled.");

    private static readonly Histogram<double> FirstTokens = SignalSource.Meter.CreateHistogram(
        "prefix_tuning.serving.time_to_first_token", "s", "From a request's arrival to its first token.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds });

    // Weak: a generator that is forgotten without Dispose is collected with its base.
    private static readonly ConditionalWeakTable<ServingSignals, object> Open = [];

    private readonly KeyValuePair<string, object?> _base;
    private readonly Func<int> _waiting;
    private readonly Func<int> _written;

    static ServingSignals()
    {
        SignalSource.Meter.CreateObservableGauge("prefix_tuning.serving.queue",
            () => Open.Select(one => new Measurement<int>(one.Key._waiting(), one.Key._base)), "{request}",
            "Requests that wait.");
        SignalSource.Meter.CreateObservableGauge("prefix_tuning.serving.batch",
            () => Open.Select(one => new Measurement<int>(one.Key._written(), one.Key._base)), "{request}",
            "Requests that are read or written together.");
    }

    /// <param name="baseName">Name of the base.</param>
    /// <param name="waiting">Requests that wait.</param>
    /// <param name="written">Requests that are read or written.</param>
    public ServingSignals(string baseName, Func<int> waiting, Func<int> written)
    {
        (_base, _waiting, _written) = (new(SignalSource.BaseTag, baseName), waiting, written);
        Open.Add(this, Outcomes);
    }

    /// <summary>A request has its first token.</summary>
    /// <param name="prefix">Its prefix.</param>
    /// <param name="arrival">When it came (<see cref="Stopwatch.GetTimestamp"/>).</param>
    public void FirstToken(string? prefix, long arrival) =>
        FirstTokens.Record(Stopwatch.GetElapsedTime(arrival).TotalSeconds, _base, Tag(prefix));

    /// <summary>Tokens were written for a request.</summary>
    public void Tokens(string? prefix, int count) => NewTokens.Add(count, _base, Tag(prefix));

    /// <summary>A request ended.</summary>
    public void Ended(string? prefix, RequestOutcome outcome) =>
        Requests.Add(1, _base, Tag(prefix), new(OutcomeTag, Outcomes[(int)outcome]));

    public void Dispose() => Open.Remove(this);

    private static KeyValuePair<string, object?> Tag(string? prefix) => new(PrefixTag, prefix ?? "");
}

/// <summary>What became of a request.</summary>
internal enum RequestOutcome
{
    /// <summary>It has its text.</summary>
    Done,

    /// <summary>It has a fault.</summary>
    Failed,

    /// <summary>Nobody waits for it.</summary>
    Cancelled,
}
