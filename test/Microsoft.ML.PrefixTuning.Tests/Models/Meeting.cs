using System;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Work whose parts wait for each other: too few threads see each other only when they are tired of it.
/// </summary>
/// <param name="parts">Parts, and threads that it takes.</param>
internal sealed class Meeting(int parts) : SharedWork
{
    private readonly CountdownEvent _all = new(parts);
    private int _seen;

    /// <summary>A bit for each thread that had a part.</summary>
    public int Seen => _seen;

    protected override int Parts => parts;

    protected override void Do(int part, int thread)
    {
        Interlocked.Or(ref _seen, 1 << thread);
        _all.Signal();
        _all.Wait(TimeSpan.FromSeconds(60));
    }
}
