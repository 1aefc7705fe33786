using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Transforming;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// Feeds a loop with requests of any threads, in the order in which they come, on a thread that it has while there is
/// something to write. Owns the loop, and keeps the base of requests that nobody waits for any more as long as they are
/// in its hands.
/// </summary>
internal sealed class RequestLoop : IDisposable
{
    private readonly Lock _lock = new();
    private readonly ITextEngine _engine;
    private readonly IDecodingLoop _loop;
    private readonly DecodingLimits _limits;
    private readonly int _queueLimit;
    private readonly ServingSignals _signals;
    private readonly List<Ticket> _new = [];
    // Only the thread has these: in the order in which they wait, and all that are in its hands.
    private readonly Queue<ActiveRow> _waiting = [];
    private readonly Dictionary<ActiveRow, Ticket> _tickets = [];
    // The end of what its thread does; null where it has none.
    private Task? _run;
    private int _waitingCount;
    private volatile int _written;
    private bool _isDisposed;

    /// <param name="engine">The base's share; stays the caller's.</param>
    /// <param name="loop">The loop.</param>
    /// <param name="limits">What it works on at once.</param>
    /// <param name="queueLimit">Requests that wait at most.</param>
    public RequestLoop(ITextEngine engine, IDecodingLoop loop, DecodingLimits limits, int queueLimit)
    {
        (_engine, _loop, _limits, _queueLimit) = (engine, loop, limits, queueLimit);
        _signals = new ServingSignals(engine.Name, () => Waiting, () => Written);
    }

    /// <summary>Requests that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _new.Count + _waitingCount;
        }
    }

    /// <summary>Requests that are read or written.</summary>
    public int Written => _written;

    /// <summary>Threads among which torch divides its work; null for torch's own.</summary>
    public int? Threads { get; init; }

    /// <summary>Called between two tokens, by the thread that writes; for tests that hold it there.</summary>
    public Action? BetweenTokens { get; set; }

    /// <summary>Puts a request at the end of the queue.</summary>
    /// <exception cref="GeneratorBusyException">As many wait as may.</exception>
    /// <exception cref="ObjectDisposedException">The generator was disposed.</exception>
    public void Add(Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfDisposed();
            if (_new.Count + _waitingCount >= _queueLimit)
            {
                throw new GeneratorBusyException($"TextGenerator: expected fewer than QueueLimit = {_queueLimit}"
                    + " waiting requests, found as many; try again later.");
            }
            // First: where no thread is to be had, nobody waits for one.
            _run ??= WritingThreads.Run(Run);
            _new.Add(ticket);
        }
    }

    /// <exception cref="ObjectDisposedException">The generator was disposed.</exception>
    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, typeof(TextGenerator));

    /// <summary>Ends all requests and, within a token, what its thread does.</summary>
    public void Dispose()
    {
        Task? run;
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            run = _run;
        }
        run?.Wait();
        _signals.Dispose();
        _loop.Dispose();
    }

    private void Run()
    {
        using var inference = inference_mode();
        using var threads = TorchThreads.Use(Threads);
        _loop.Open(_limits, []);
        while (TakeNew())
        {
            try
            {
                // Who went away meanwhile costs nobody the reading of his prompt.
                LetGo();
                _loop.Advance(_waiting);
                Tell();
                LetGo();
            }
            catch (Exception fault)
            {
                FailAll(fault);
            }
            BetweenTokens?.Invoke();
        }
        GC.KeepAlive(_engine);
    }

    /// <summary>Takes over what came since the last call.</summary>
    /// <returns>False where there is nothing to do: then the run is at its end.</returns>
    private bool TakeNew()
    {
        lock (_lock)
        {
            foreach (Ticket ticket in _new)
            {
                _tickets.Add(ticket.Row, ticket);
                _waiting.Enqueue(ticket.Row);
            }
            _new.Clear();
            _waitingCount = _waiting.Count;
            if (!_isDisposed)
            {
                if (_tickets.Count > 0)
                    return true;
                _run = null;
                return false;
            }
        }
        // Without the lock: a listener that is told of the end may hold one of its own, and ask meanwhile who waits.
        foreach (Ticket ticket in _tickets.Values)
        {
            ticket.Fail(new ObjectDisposedException(nameof(TextGenerator)));
            ticket.Leave(_signals);
        }
        return false;
    }

    /// <summary>Hands tokens on, and the results of the rows that are done.</summary>
    private void Tell()
    {
        // First: who has its first token no longer waits.
        Count();
        foreach (Ticket ticket in _tickets.Values)
        {
            if (ticket.Row.IsOver)
                ticket.Complete(_signals);
            else
                ticket.Tell(_signals);
        }
    }

    /// <summary>Takes out the rows that are done or that nobody waits for.</summary>
    private void LetGo()
    {
        // Asked once: a request may be cancelled at any moment.
        HashSet<ActiveRow> ended = [.. _tickets.Values.Where(ticket => ticket.IsEnded).Select(ticket => ticket.Row)];
        if (ended.Count == 0)
            return;
        for (int left = _waiting.Count; left > 0; left--)
        {
            ActiveRow row = _waiting.Dequeue();
            if (!ended.Contains(row))
                _waiting.Enqueue(row);
        }
        _loop.TakeOut(ended.Contains);
        foreach (ActiveRow row in ended)
            Leave(_tickets[row]);
        Count();
    }

    private void Count()
    {
        lock (_lock)
            (_waitingCount, _written) = (_waiting.Count, _tickets.Count - _waiting.Count);
    }

    private void Leave(Ticket ticket)
    {
        _tickets.Remove(ticket.Row);
        ticket.Leave(_signals);
    }

    /// <summary>Ends what is read or written, where a pass over all of it failed; who waits goes on waiting.</summary>
    private void FailAll(Exception fault)
    {
        // First, since what the rows hold may be freed with their tickets.
        _loop.Open(_limits, []);
        foreach (Ticket ticket in _tickets.Values.Where(ticket => !_waiting.Contains(ticket.Row)).ToArray())
        {
            ticket.Fail(fault);
            Leave(ticket);
        }
        Count();
    }
}
