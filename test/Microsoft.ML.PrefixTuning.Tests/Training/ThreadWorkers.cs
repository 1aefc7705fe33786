using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Workers that are threads of this process.</summary>
internal sealed class ThreadWorkers : TrainingWorkers
{
    private readonly Meeting _meeting;

    private ThreadWorkers(Meeting meeting, int rank) => (_meeting, Rank) = (meeting, rank);

    public override int Rank { get; }

    public override int Count => _meeting.Parts.Length;

    /// <summary>Does the same in several threads; one that fails ends the others' waiting.</summary>
    /// <returns>What came of each, in the order of their ranks.</returns>
    public static T[] Run<T>(int count, Func<ThreadWorkers, T> work)
    {
        using var meeting = new Meeting(count);
        Task<T>[] tasks = [.. Enumerable.Range(0, count).Select(rank => Task.Factory.StartNew(() =>
        {
            try
            {
                return work(new ThreadWorkers(meeting, rank));
            }
            catch
            {
                meeting.End();
                throw;
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WhenAll(tasks).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        return [.. tasks.Select(task => task.GetAwaiter().GetResult())];
    }

    /// <summary>The same where every worker is to fail.</summary>
    public static Exception[] Fail(int count, Action<ThreadWorkers> work) => Run(count, worker =>
    {
        try
        {
            work(worker);
        }
        catch (Exception fault)
        {
            worker._meeting.End();
            return fault;
        }
        throw new InvalidOperationException($"Worker {worker.Rank} did not fail.");
    });

    public override void Gather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        byte[] mine = own.ToArray();
        byte[][] parts = _meeting.Share(Rank, mine);
        Assert.IsTrue(parts.All(part => part.Length == mine.Length), "arrays of one length");
        parts.SelectMany(part => part).ToArray().CopyTo(all);
    }

    public override void Broadcast(Span<byte> content)
    {
        byte[] first = _meeting.Share(Rank, content.ToArray())[0];
        Assert.HasCount(content.Length, first);
        first.CopyTo(content);
    }

    private sealed class Meeting(int count) : IDisposable
    {
        private readonly Barrier _barrier = new(count);
        private readonly CancellationTokenSource _end = new();

        public byte[][] Parts { get; } = new byte[count][];

        public byte[][] Share(int rank, byte[] own)
        {
            Parts[rank] = own;
            Meet();
            byte[][] all = [.. Parts];
            Meet();
            return all;
        }

        public void End() => _end.Cancel();

        public void Dispose()
        {
            _barrier.Dispose();
            _end.Dispose();
        }

        private void Meet()
        {
            try
            {
                _barrier.SignalAndWait(_end.Token);
            }
            catch (OperationCanceledException)
            {
                throw new IOException("Another worker left.");
            }
        }
    }
}
