using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// What a generator tells of itself to System.Diagnostics.Metrics, under <see cref="MeterName"/>. The one tag that has
/// an open set of values, the prefix, is a name of the generator's own.
/// </summary>
internal sealed class ServingMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Microsoft.ML.PrefixTuning";

    // A token of a small model on a few cores to a long queue.
    private static readonly double[] Seconds = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private static readonly string[] Names = ["done", "failed", "cancelled"];

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _firstToken;

    /// <param name="waiting">Requests that wait.</param>
    /// <param name="written">Requests that are read or written.</param>
    public ServingMeter(Func<int> waiting, Func<int> written)
    {
        _requests = _meter.CreateCounter<long>("prefix_tuning.requests", "{request}",
            "Requests that ended, by prefix and outcome (done, failed, cancelled).");
        _tokens = _meter.CreateCounter<long>("prefix_tuning.tokens", "{token}", "Tokens written, by prefix.");
        _firstToken = _meter.CreateHistogram("prefix_tuning.time_to_first_token", "s",
            "From a request's arrival to its first token, by prefix.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds });
        _meter.CreateObservableGauge("prefix_tuning.queue", waiting, "{request}", "Requests that wait.");
        _meter.CreateObservableGauge("prefix_tuning.batch", written, "{request}",
            "Requests that are read or written together.");
    }

    /// <summary>A request has its first token.</summary>
    /// <param name="prefix">Its prefix.</param>
    /// <param name="arrival">When it came (<see cref="Stopwatch.GetTimestamp"/>).</param>
    public void FirstToken(string? prefix, long arrival) =>
        _firstToken.Record(Stopwatch.GetElapsedTime(arrival).TotalSeconds, Tag(prefix));

    /// <summary>A request ended.</summary>
    /// <param name="prefix">Its prefix.</param>
    /// <param name="outcome">How it did.</param>
    public void Ended(string? prefix, RequestOutcome outcome) =>
        _requests.Add(1, Tag(prefix), new("outcome", Names[(int)outcome]));

    /// <summary>Tokens were written for a request.</summary>
    public void Tokens(string? prefix, int count) => _tokens.Add(count, Tag(prefix));

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string? prefix) => new("prefix", prefix ?? "");
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
