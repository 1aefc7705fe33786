using System;
using System.Threading;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// While it lives, the number of threads among which torch divides a product of this thread's. What was before comes
/// back.
/// </summary>
/// <remarks>
/// Torch has one number for the process, which a thread takes over at its first product and keeps: one that begins
/// while another one uses a number of its own would go on with that.
/// </remarks>
internal readonly struct TorchThreads : IDisposable
{
    private static readonly Lock s_lock = new();
    // Uses that have not ended, and the process's number before the first of them.
    private static int s_uses;
    private static int s_own;

    // Those of this thread.
    [ThreadStatic]
    private static int s_usesHere;

    private readonly int _before;

    private TorchThreads(int before) => _before = before;

    /// <summary>Sets the number.</summary>
    /// <param name="count">Threads; null leaves it as it is, also where another thread uses a number.</param>
    public static TorchThreads Use(int? count)
    {
        lock (s_lock)
        {
            bool areOthersAlone = s_uses > 0 && s_usesHere == 0;
            // Nothing to do, and no torch is looked for: it may be missing, which others say better.
            if (count is null && !areOthersAlone)
                return default;
            int before = areOthersAlone ? s_own : get_num_threads();
            set_num_threads(count ?? before);
            if (count is null)
                return default;
            if (s_uses == 0)
                s_own = before;
            s_uses++;
            s_usesHere++;
            return new TorchThreads(before);
        }
    }

    public void Dispose()
    {
        if (_before == 0)
            return;
        lock (s_lock)
        {
            s_uses--;
            s_usesHere--;
            set_num_threads(_before);
        }
    }
}
