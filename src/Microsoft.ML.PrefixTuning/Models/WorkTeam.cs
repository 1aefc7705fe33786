using System;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Work that falls into parts, which any thread may do in any order: what a part makes does not depend on who makes it.
/// </summary>
internal abstract class SharedWork
{
    private int _next;
    private int _done;

    /// <summary>Parts there are.</summary>
    protected abstract int Parts { get; }

    /// <summary>Threads that may take part, the caller's among them.</summary>
    public int Threads { get; private set; } = 1;

    /// <summary>Whether every part is taken.</summary>
    public bool IsTaken => Volatile.Read(ref _next) >= Parts;

    /// <summary>Does it.</summary>
    /// <param name="threads">Threads that may take part, the caller's among them.</param>
    public void Run(int threads) => Run(threads, TorchTeam.IsThere);

    /// <inheritdoc cref="Run(int)"/>
    /// <param name="threads">Threads that may take part, the caller's among them.</param>
    /// <param name="isTorchs">Whether they are torch's, or those of <see cref="WorkTeam"/>.</param>
    internal void Run(int threads, bool isTorchs)
    {
        Threads = Math.Min(threads, Parts);
        if (Threads > 1 && isTorchs)
        {
            TorchTeam.Do(this);
            return;
        }
        if (Threads > 1)
            WorkTeam.Offer(this);
        TakePart(thread: 0);
        // Whoever has taken a part is at work: nobody is waited for who was not given a processor.
        var wait = new SpinWait();
        while (Volatile.Read(ref _done) < Parts)
            wait.SpinOnce(sleep1Threshold: -1);
        if (Threads > 1)
            WorkTeam.Withdraw(this);
    }

    /// <summary>Does parts until none is left.</summary>
    /// <param name="thread">Which of the threads this one is, from 0, the caller's.</param>
    public void TakePart(int thread)
    {
        int part;
        while ((part = Interlocked.Increment(ref _next) - 1) < Parts)
        {
            Do(part, thread);
            Interlocked.Increment(ref _done);
        }
    }

    /// <summary>
    /// Does a part. Throws nothing, and so asks for no memory or keeps what that throws: between it and whoever would
    /// catch it lies a helper's thread or native code.
    /// </summary>
    /// <param name="part">The part, from 0.</param>
    /// <param name="thread">
    /// Which of the threads does it, from 0: what each of them needs for itself is made before the work begins.
    /// </param>
    protected abstract void Do(int part, int thread);
}

/// <summary>
/// Threads of the process that help with <see cref="SharedWork"/> where torch's cannot (<see cref="TorchTeam"/>).
/// Between the products of a token there are microseconds: they look for work for a while before they sleep.
/// </summary>
internal static class WorkTeam
{
    // Some 50 microseconds.
    private const int Looks = 2_000;

    private static readonly Lock s_lock = new();
    private static Helper[] s_helpers = [];
    private static SharedWork? s_offered;

    /// <summary>
    /// Lets the others know of work. Work that is offered meanwhile by another caller takes its place.
    /// </summary>
    public static void Offer(SharedWork work)
    {
        Volatile.Write(ref s_offered, work);
        Helper[] helpers = Volatile.Read(ref s_helpers);
        if (helpers.Length < work.Threads - 1)
            helpers = Enlarge(work.Threads - 1);
        // A helper that falls asleep looks once more afterwards: one of the two sees the other.
        Interlocked.MemoryBarrier();
        for (int i = 0; i < work.Threads - 1; i++)
            helpers[i].Wake();
    }

    /// <summary>Forgets work that is done, and with it all that it holds.</summary>
    public static void Withdraw(SharedWork work) => Interlocked.CompareExchange(ref s_offered, null, work);

    private static Helper[] Enlarge(int count)
    {
        lock (s_lock)
        {
            if (s_helpers.Length < count)
            {
                var helpers = new Helper[count];
                s_helpers.CopyTo(helpers, 0);
                for (int i = s_helpers.Length; i < count; i++)
                    helpers[i] = new Helper(i);
                Volatile.Write(ref s_helpers, helpers);
            }
            return s_helpers;
        }
    }

    private sealed class Helper
    {
        private readonly AutoResetEvent _wanted = new(false);
        private readonly int _place;
        private int _sleeps;

        public Helper(int place)
        {
            _place = place;
            new Thread(Help) { IsBackground = true, Name = $"prefix-tuning {place + 1}" }.Start();
        }

        public void Wake()
        {
            if (Volatile.Read(ref _sleeps) == 1 && Interlocked.Exchange(ref _sleeps, 0) == 1)
                _wanted.Set();
        }

        private void Help()
        {
            while (true)
            {
                for (int look = 0; look < Looks; look++)
                {
                    if (Wanted is { } work)
                    {
                        work.TakePart(_place + 1);
                        look = 0;
                    }
                    Thread.SpinWait(1);
                }
                Interlocked.Exchange(ref _sleeps, 1);
                if (Wanted is null || Interlocked.Exchange(ref _sleeps, 0) == 0)
                    _wanted.WaitOne();
            }
        }

        private SharedWork? Wanted => Volatile.Read(ref s_offered) is { } work && _place < work.Threads - 1
            && !work.IsTaken ? work : null;
    }
}
