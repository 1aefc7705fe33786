using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// The processes that <c>mpirun</c>, <c>mpiexec</c> or <c>srun</c> started, for <see cref="TrainingOptions.Workers"/>.
/// The machine's MPI is found at run time: Open MPI, or MPICH and its kin (Intel MPI, MVAPICH, MS-MPI); the environment
/// variable <c>PREFIX_TUNING_MPI_LIBRARY</c> names one that is not found by itself.
/// </summary>
public sealed class MpiWorkers : TrainingWorkers
{
    private readonly MpiLibrary _library;

    private MpiWorkers(MpiLibrary library, MpiLauncher launcher)
    {
        _library = library;
        (Rank, Count, LocalRank) = (library.Rank, library.Size, launcher.LocalRank);
        launcher.Check(Count, library.Version);
    }

    /// <inheritdoc/>
    public override int Rank { get; }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <summary>
    /// Number of this process among those of its machine, from 0: of several devices the one that it should use
    /// (<see cref="PrefixTuningOptions.Device"/>).
    /// </summary>
    public int LocalRank { get; }

    /// <summary>The MPI in use, as it calls itself.</summary>
    public string Library => _library.Version;

    /// <summary>
    /// Joins the other processes, works, and leaves. Once a process: an MPI that was left cannot be joined again.
    /// </summary>
    /// <param name="work">The same in every process; gives the exit code.</param>
    /// <param name="fail">
    /// Told of what <paramref name="work"/> throws, before all processes are ended: nobody may wait for one that
    /// failed. Gives the exit code; null for a message on standard error and the code 1.
    /// </param>
    /// <returns>The exit code.</returns>
    /// <exception cref="DllNotFoundException">No MPI was found.</exception>
    /// <exception cref="NotSupportedException">The MPI that was found is of another kind.</exception>
    public static int Run(Func<MpiWorkers, int> work, Func<Exception, int>? fail = null)
    {
        ArgumentNullException.ThrowIfNull(work);
        MpiLauncher launcher = MpiLauncher.OfProcess;
        MpiLibrary library = MpiLibrary.Load(launcher, Environment.GetEnvironmentVariable(MpiLibrary.Variable));
        library.Initialize();
        int code;
        try
        {
            code = work(new MpiWorkers(library, launcher));
        }
        catch (Exception fault)
        {
            int failed = (fail ?? Tell)(fault);
            Console.Out.Flush();
            Console.Error.Flush();
            library.Abort(failed);
            throw;
        }
        library.Leave();
        return code;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public override void Gather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        if (all.Length != (long)own.Length * Count)
        {
            throw new ArgumentException(
                $"expected {(long)own.Length * Count} bytes for {Count} workers, found {all.Length}.", nameof(all));
        }
        _library.Gather(own, all);
    }

    /// <inheritdoc/>
    public override void Broadcast(Span<byte> content) => _library.Broadcast(content);

    private static int Tell(Exception fault)
    {
        Console.Error.WriteLine(fault);
        return 1;
    }
}
