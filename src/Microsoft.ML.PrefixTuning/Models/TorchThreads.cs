using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// While it lives, the number of threads among which torch divides a product of this thread's. What was before comes
/// back.
/// </summary>
internal readonly struct TorchThreads : IDisposable
{
    private readonly int _before;

    private TorchThreads(int before) => _before = before;

    /// <summary>Sets the number.</summary>
    /// <param name="count">Threads; null leaves it as it is.</param>
    public static TorchThreads Use(int? count)
    {
        if (count is not int threads)
            return default;
        int before = get_num_threads();
        set_num_threads(threads);
        return new TorchThreads(before);
    }

    public void Dispose()
    {
        if (_before > 0)
            set_num_threads(_before);
    }
}
