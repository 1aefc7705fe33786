using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Processes that train one prefix together, as one of them sees them. Each holds the frozen base and all rows and
/// works on some of the forward passes of every step; only gradients and losses travel. However many they are, the
/// prefix is the same to the last bit, on processors of one kind with the same number of threads each.
/// </summary>
/// <remarks>
/// All of them make the same calls in the same order. Where one fails, an implementation ends the others' waiting, with
/// an exception or with their processes: what it owes to a call never comes.
/// </remarks>
public abstract class TrainingWorkers
{
    /// <summary>
    /// Number of this process, from 0 to <see cref="Count"/> - 1; the first one decides what is decided at run time,
    /// and writes the state file.
    /// </summary>
    public abstract int Rank { get; }

    /// <summary>Number of processes, 1 or more.</summary>
    public abstract int Count { get; }

    /// <summary>Whether this is the first process.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Gives every process the bytes of all.</summary>
    /// <param name="own">Of this process; as many in every process.</param>
    /// <param name="all">
    /// Takes those of all, in the order of their ranks: <see cref="Count"/> times as many as <paramref name="own"/>
    /// has.
    /// </param>
    public abstract void Gather(ReadOnlySpan<byte> own, Span<byte> all);

    /// <summary>Gives the first process's bytes to all.</summary>
    /// <param name="content">
    /// As many in every process; those of the first one are sent, the others' are replaced.
    /// </param>
    public abstract void Broadcast(Span<byte> content);
}
