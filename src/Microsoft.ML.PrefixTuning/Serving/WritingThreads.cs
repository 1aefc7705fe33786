using System;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// Threads of the process on which generators write. They stay when there is nothing to do: of every thread that ends,
/// MKL keeps what it noted for it, and its helpers of OpenMP end with it. One that waits holds no generator, so that
/// one that is forgotten without Dispose is collected.
/// </summary>
internal static class WritingThreads
{
    private static readonly ConcurrentStack<Writer> s_idle = new();

    /// <summary>Does something on a thread that is free, or on another one.</summary>
    /// <param name="work">What throws nothing.</param>
    /// <returns>Its end.</returns>
    public static Task Run(Action work)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!s_idle.TryPop(out Writer? writer))
            writer = new Writer();
        writer.Begin(() =>
        {
            work();
            end.SetResult();
        });
        return end.Task;
    }

    private sealed class Writer
    {
        private readonly AutoResetEvent _wanted = new(false);
        private Action? _work;

        // Without the context of whoever came first, which would be kept as long.
        public Writer() =>
            new Thread(Work) { IsBackground = true, Name = nameof(TextGenerator) }.UnsafeStart();

        public void Begin(Action work)
        {
            _work = work;
            _wanted.Set();
        }

        private void Work()
        {
            while (true)
            {
                _wanted.WaitOne();
                DoAndForget();
                s_idle.Push(this);
            }
        }

        // Apart, so that no place of the waiting thread's stack holds it.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void DoAndForget()
        {
            Action work = _work!;
            _work = null;
            work();
        }
    }
}
