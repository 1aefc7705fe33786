using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Work that the processes of a training share out: each does some of its parts, and all get what came of all of them,
/// in the order in which one process alone would do them. Who does a part has no part in its result.
/// </summary>
/// <param name="workers">The processes; null where there is this one alone, which does everything.</param>
internal sealed class WorkShare(TrainingWorkers? workers)
{
    /// <summary>One process by itself.</summary>
    public static readonly WorkShare Alone = new(null);

    /// <summary>Whether this process writes files and tells what concerns all.</summary>
    public bool IsFirst => workers is not { IsFirst: false };

    /// <summary>Number of processes.</summary>
    public int Count => workers?.Count ?? 1;

    /// <summary>Does all parts of some work and gives a number of each.</summary>
    /// <param name="sizes">
    /// How much work each part is, in any unit; one that is larger is given away earlier.
    /// </param>
    /// <param name="work">Does a part; not called for those of other processes.</param>
    /// <param name="checkAlive">Throws to end training, in all processes after the same step.</param>
    /// <param name="parameters">Must have the same bits in all processes; none is not compared.</param>
    /// <exception cref="OperationCanceledException">One of the processes was cancelled: every one throws.</exception>
    /// <exception cref="InvalidOperationException">The parameters are not the same ones.</exception>
    public double[] Do(IReadOnlyList<long> sizes, Func<int, double> work, Action checkAlive,
        IEnumerable<Tensor>? parameters = null) =>
        workers is null ? [.. Enumerable.Range(0, sizes.Count).Select(work)]
            : Do(workers, new SharedParts(sizes, workers.Count), work, checkAlive, parameters ?? []);

    /// <summary>The same for parts that have gradients, too, and the sum of these in the order of the parts.</summary>
    /// <param name="sizes">How much work each part is.</param>
    /// <param name="leaves">What the gradients are of.</param>
    /// <param name="work">
    /// Does a part: a number, and a gradient of each leaf, float32, in the dispose scope that is open then.
    /// </param>
    /// <param name="checkAlive">Throws to end training, in all processes after the same step.</param>
    /// <param name="parameters">Must have the same bits in all processes.</param>
    /// <returns>The sums are in the caller's dispose scope; null where there is no part.</returns>
    /// <exception cref="OperationCanceledException">One of the processes was cancelled: every one throws.</exception>
    /// <exception cref="InvalidOperationException">The parameters are not the same ones.</exception>
    public (double[] Numbers, Tensor[]? Gradients) DoWithGradient(IReadOnlyList<long> sizes,
        IReadOnlyList<Tensor> leaves, Func<int, (double Number, Tensor[] Gradients)> work, Action checkAlive,
        IEnumerable<Tensor> parameters)
    {
        var parts = new SharedParts(sizes, Count);
        var sum = new GradientSum(leaves, workers, parts);
        double[] numbers = workers is null ? [.. Enumerable.Range(0, sizes.Count).Select(One)]
            : Do(workers, parts, One, checkAlive, parameters);
        return (numbers, sum.Total());

        double One(int part)
        {
            using var scope = NewDisposeScope();
            (double number, Tensor[] gradients) = work(part);
            sum.Take(part, gradients);
            return number;
        }
    }

    /// <summary>A number as the first process has it.</summary>
    public long OfFirst(Func<long> number) => workers is null ? number()
        : MemoryMarshal.Read<long>(OfFirst(() => MemoryMarshal.AsBytes(new ReadOnlySpan<long>([number()])).ToArray()));

    /// <summary>Bytes that the first process has, or null as there.</summary>
    /// <param name="content">Asked of the first process alone.</param>
    public byte[]? OfFirst(Func<byte[]?> content)
    {
        if (workers is null)
            return content();
        byte[]? sent = workers.IsFirst ? content() : null;
        long[] length = [sent?.LongLength ?? -1];
        workers.Broadcast(MemoryMarshal.AsBytes(length.AsSpan()));
        if (length[0] < 0)
            return null;
        byte[] received = sent ?? new byte[length[0]];
        workers.Broadcast(received);
        return received;
    }

    /// <summary>
    /// What each process may take of something that its machine has once, such as memory: the processes of a machine
    /// share it alike, and all take what the least of them may. A machine is known by its name.
    /// </summary>
    /// <param name="found">What this process finds on its machine; null where it is not known.</param>
    /// <returns>The same in all processes; null where it is not known in one.</returns>
    public long? LeastPart(long? found)
    {
        if (workers is null)
            return found;
        byte[] name = SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName));
        long[] own = [MemoryMarshal.Read<long>(name), found ?? -1], all = new long[own.Length * workers.Count];
        workers.Gather(MemoryMarshal.AsBytes(own.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        (long Machine, long Found)[] each = [.. all.Chunk(own.Length).Select(one => (one[0], one[1]))];
        return each.Any(one => one.Found < 0) ? null
            : each.Min(one => one.Found / each.Count(other => other.Machine == one.Machine));
    }

    /// <summary>What the first process has, or null as there; a process alone has it as it is.</summary>
    /// <param name="own">Asked of the first process alone.</param>
    /// <param name="send">Its bytes.</param>
    /// <param name="receive">What bytes say.</param>
    public T? OfFirst<T>(Func<T?> own, Func<T, byte[]> send, Func<byte[], T> receive)
        where T : class => workers is null ? own()
        : OfFirst(() => own() is { } value ? send(value) : null) is { } message ? receive(message) : null;

    /// <summary>Whether all processes know of a cancellation; of another one they are not told.</summary>
    public bool IsKnown(OperationCanceledException fault) => workers is null || fault is AgreedCancellation;

    /// <summary>Returns when all processes have come so far.</summary>
    public void Wait() => workers?.Gather([0], new byte[workers.Count]);

    /// <summary>Refuses processes that were not given the same training.</summary>
    /// <param name="training">
    /// All that has a part in the result, or in who waits for whom, by name; asked where there are several.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// They were not; the message says in what one differs from the first: this one, where it does.
    /// </exception>
    public void Agree(Func<NamedValues> training)
    {
        if (workers is null)
            return;
        NamedValues here = training();
        string own = here.ToString();
        byte[] all = new byte[workers.Count * SHA256.HashSizeInBytes];
        workers.Gather(SHA256.HashData(Encoding.UTF8.GetBytes(own)), all);
        byte[][] hashes = [.. all.Chunk(SHA256.HashSizeInBytes)];
        int[] others = [.. Enumerable.Range(0, workers.Count)
            .Where(rank => !hashes[rank].AsSpan().SequenceEqual(hashes[0]))];
        if (others.Length == 0)
            return;
        // Each process tells the difference: the first one to end takes the others with it, maybe unheard.
        string[] texts = Texts(workers, own);
        int other = others.Contains(workers.Rank) ? workers.Rank : others[0];
        string what = NamedValues.Parse(texts[0])
            .Difference(NamedValues.Parse(texts[other]), "worker 0", $"worker {other}")!;
        throw new InvalidOperationException($"TrainingOptions.Workers: expected the same training in all"
            + $" {workers.Count} of them, found another one: {what}.");
    }

    /// <summary>A text of each process.</summary>
    private static string[] Texts(TrainingWorkers workers, string own)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(own);
        long[] lengths = new long[workers.Count];
        workers.Gather(MemoryMarshal.AsBytes(new ReadOnlySpan<long>([bytes.LongLength])),
            MemoryMarshal.AsBytes(lengths.AsSpan()));
        int longest = (int)lengths.Max();
        byte[] all = new byte[workers.Count * longest];
        Array.Resize(ref bytes, longest);
        workers.Gather(bytes, all);
        return [.. all.Chunk(longest).Select((one, rank) => Encoding.UTF8.GetString(one, 0, (int)lengths[rank]))];
    }

    private static double[] Do(TrainingWorkers workers, SharedParts parts, Func<int, double> work, Action checkAlive,
        IEnumerable<Tensor> parameters)
    {
        const int Cancelled = 0, Print = 1, Numbers = 2;
        long[] own = new long[Numbers + parts.Slots], all = new long[own.Length * workers.Count];
        own[Print] = PrintOf(parameters);
        OperationCanceledException? cancelled = null;
        try
        {
            checkAlive();
            foreach (int part in parts.Of(workers.Rank))
                own[Numbers + parts.Slot(part)] = BitConverter.DoubleToInt64Bits(work(part));
        }
        catch (OperationCanceledException fault)
        {
            // The others wait for what this one owes them, and are told instead.
            (cancelled, own[Cancelled]) = (fault, 1);
        }
        workers.Gather(MemoryMarshal.AsBytes(own.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        long At(int rank, int place) => all[rank * own.Length + place];
        int[] ranks = [.. Enumerable.Range(0, workers.Count)];
        int[] ended = [.. ranks.Where(rank => At(rank, Cancelled) != 0)];
        if (ended.Length > 0)
        {
            throw new AgreedCancellation($"Worker {ended[0]} of this training was cancelled.", cancelled);
        }
        if (Array.Find(ranks, rank => At(rank, Print) != At(0, Print)) is > 0 and int other)
            throw new InvalidOperationException(Apart(other));
        return [.. parts.Owners.Select((rank, part) =>
            BitConverter.Int64BitsToDouble(At(rank, Numbers + parts.Slot(part))))];
    }

    /// <summary>A cancellation of all processes, at the same place of each.</summary>
    internal sealed class AgreedCancellation(string message, OperationCanceledException? own)
        : OperationCanceledException(message, own, own?.CancellationToken ?? default);

    private static string Apart(int other) => $"TrainingOptions.Workers: expected the same numbers in all workers,"
        + $" found others in worker {other} than in worker 0: it rounds otherwise. Let all run on processors of one"
        + " kind, with the same number of threads (OMP_NUM_THREADS) and the same libtorch.";

    private static long PrintOf(IEnumerable<Tensor> parameters)
    {
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor parameter in parameters)
            hash.AppendData(parameter.detach().cpu().contiguous().bytes);
        return MemoryMarshal.Read<long>(hash.GetHashAndReset());
    }
}
