using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Microsoft.ML.PrefixTuning.Signals;

/// <summary>What is measured of texts that are written for rows.</summary>
/// <param name="baseName">Name of the base.</param>
internal sealed class WritingSignals(string baseName)
{
    private static readonly Counter<long> Rows = SignalSource.Meter.CreateCounter<long>("prefix_tuning.rows.written",
        "{row}", "Rows whose texts were written.");

    private static readonly Counter<long> Refused = SignalSource.Meter.CreateCounter<long>("prefix_tuning.rows.refused",
        "{row}", "Rows that could not be used and have a message in the error column.");

    private static readonly Counter<long> Tokens = SignalSource.Meter.CreateCounter<long>(
        "prefix_tuning.rows.tokens", "{token}", "New tokens of the texts.");

    private readonly KeyValuePair<string, object?> _base = new(SignalSource.BaseTag, baseName);

    /// <summary>Records rows that were worked on together.</summary>
    public void Add(int written, int refused, long tokens)
    {
        Rows.Add(written, _base);
        if (refused > 0)
            Refused.Add(refused, _base);
        Tokens.Add(tokens, _base);
    }
}
