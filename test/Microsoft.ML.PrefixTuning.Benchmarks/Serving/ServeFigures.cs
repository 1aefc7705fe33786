using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Benchmarks.Serving;

/// <summary>What clients saw. Safe for concurrent use.</summary>
internal sealed class ServeFigures
{
    private readonly Lock _lock = new();
    private readonly List<double> _firstTokens = [];
    private readonly SortedDictionary<int, int> _statuses = [];
    private int _texts, _wrong, _unexpected, _died, _torn;
    private string? _example;

    /// <summary>Requests that were answered, or whose connection the server closed.</summary>
    public int Requests
    {
        get
        {
            lock (_lock)
                return _statuses.Values.Sum() + _torn;
        }
    }

    /// <summary>Whether something was not as it should be.</summary>
    public bool HasFaults => _wrong + _unexpected > 0;

    /// <summary>An answer: whether it has the status that it should have.</summary>
    public bool Count(int status, int expected)
    {
        lock (_lock)
        {
            _statuses[status] = _statuses.GetValueOrDefault(status) + 1;
            // Where a text was due, a full queue is an answer as well.
            if (status != expected && !(status == 429 && expected == 200))
            {
                _unexpected++;
                _example ??= string.Create(CultureInfo.InvariantCulture, $"status {status} where {expected} was due");
            }
            return status == expected && status == 200;
        }
    }

    /// <summary>A text.</summary>
    /// <param name="expected">What it should be when it is whole.</param>
    /// <param name="found">What it is.</param>
    /// <param name="isWhole">Whether it is; else it is compared with the beginning.</param>
    public void Text(string expected, string found, bool isWhole)
    {
        lock (_lock)
        {
            _texts++;
            // What is cut within a character ends with a broken one.
            if (isWhole ? expected == found : expected.StartsWith(found.TrimEnd('\uFFFD'), StringComparison.Ordinal))
                return;
            _wrong++;
            _example ??= $"'{found}' where '{expected}' was due";
        }
    }

    /// <summary>Seconds to a first token.</summary>
    public void FirstToken(double seconds)
    {
        lock (_lock)
            _firstTokens.Add(seconds);
    }

    /// <summary>Seconds within which a share of the first tokens came.</summary>
    public double FirstTokenPart(double share)
    {
        lock (_lock)
            return Part(share);
    }

    /// <summary>A client that died.</summary>
    public void Died() => Interlocked.Increment(ref _died);

    /// <summary>A connection that was closed before the answer to too large a body was read.</summary>
    public void Torn()
    {
        lock (_lock)
            _torn++;
    }

    /// <summary>All of it in a line.</summary>
    public string Show(double tokensPerSecond)
    {
        lock (_lock)
        {
            string statuses = string.Join(", ", _statuses.Select(status => $"{status.Key}: {status.Value}"));
            return string.Create(CultureInfo.InvariantCulture,
                $"{tokensPerSecond:F1} tokens/s, first token p50 {Part(0.5):F3} s p95 {Part(0.95):F3} s, ")
                + $"{_texts} texts of which {_wrong} wrong, answers {statuses}, {_unexpected} of another status than"
                + $" due, {_died} died, {_torn} of those that send too much torn"
                + (_example is null ? "" : $"; first fault: {_example}");
        }
    }

    private double Part(double share)
    {
        double[] sorted = [.. _firstTokens.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];
    }
}
