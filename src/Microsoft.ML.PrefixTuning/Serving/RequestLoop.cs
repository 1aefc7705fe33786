using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Transforming;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// Feeds a loop with requests of any threads, in the order in which they come. Its own thread
/// runs while there is something to write and ends when there is not. Owns the loop, and keeps the base of requests
/// that nobody waits for any more as long as they are in its hands.
/// </summary>
/// <param name="engine">The base's share; stays the caller's.</param>
/// <param name="loop">The loop.</param>
/// <param name="limits">What it works on at once.</param>
/// <param name="queueLimit">Requests that wait at most.</param>
internal sealed class RequestLoop(ITextEngine engine, IDecodingLoop loop, DecodingLimits limits, int queueLimit)
    : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Ticket> _new = [];
    // Only the thread has these: in the order in which they wait, and all that are in its hands.
    private readonly Queue<ActiveRow> _waiting = [];
    private readonly Dictionary<ActiveRow, Ticket> _tickets = [];
    private Thread? _thread;
    private int _waitingCount;
    private bool _isDisposed;

    /// <summary>Threads among which torch divides its work; null for torch's own.</summary>
    public int? Threads { get; init; }

    /// <summary>Puts a request at the end of the queue.</summary>
    /// <exception cref="GeneratorBusyException">As many wait as may.</exception>
    /// <exception cref="ObjectDisposedException">The generator was disposed.</exception>
    public void Add(Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfDisposed();
            if (_new.Count + _waitingCount >= queueLimit)
            {
                throw new GeneratorBusyException($"TextGenerator: expected fewer than QueueLimit = {queueLimit}"
                    + " waiting requests, found as many; try again later.");
            }
            _new.Add(ticket);
            if (_thread is not null)
                return;
            _thread = new Thread(Run) { IsBackground = true, Name = nameof(TextGenerator) };
            _thread.Start();
        }
    }

    /// <exception cref="ObjectDisposedException">The generator was disposed.</exception>
    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, typeof(TextGenerator));

    /// <summary>Ends all requests and, within a token, the thread.</summary>
    public void Dispose()
    {
        Thread? thread;
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            thread = _thread;
        }
        thread?.Join();
        loop.Dispose();
    }

    private void Run()
    {
        using var inference = inference_mode();
        using var threads = TorchThreads.Use(Threads);
        loop.Open(limits, []);
        while (TakeNew())
        {
            try
            {
                loop.Advance(_waiting);
                LetGo();
            }
            catch (Exception fault)
            {
                FailAll(fault);
            }
        }
        GC.KeepAlive(engine);
    }

    /// <summary>Takes over what came since the last call.</summary>
    /// <returns>False where there is nothing to do: then the thread is at its end.</returns>
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
            if (_isDisposed)
            {
                foreach (Ticket ticket in _tickets.Values)
                    ticket.Fail(new ObjectDisposedException(nameof(TextGenerator)));
                return false;
            }
            if (_tickets.Count > 0)
                return true;
            _thread = null;
            return false;
        }
    }

    /// <summary>Hands tokens on, and takes out the rows that are done or that nobody waits for.</summary>
    private void LetGo()
    {
        foreach (Ticket ticket in _tickets.Values)
        {
            if (ticket.Row.IsOver)
                ticket.Complete();
            else
                ticket.Tell();
        }
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
        loop.TakeOut(ended.Contains);
        foreach (ActiveRow row in ended)
            _tickets.Remove(row);
    }

    /// <summary>Ends what is read or written, where a pass over all of it failed; who waits goes on waiting.</summary>
    private void FailAll(Exception fault)
    {
        foreach (Ticket ticket in _tickets.Values.Where(ticket => !_waiting.Contains(ticket.Row)).ToArray())
        {
            ticket.Fail(fault);
            _tickets.Remove(ticket.Row);
        }
        loop.Open(limits, []);
    }
}
