using System;
using System.Globalization;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What the program that started the processes says to each, in variables of its environment.</summary>
/// <param name="variable">Reads a variable; null where there is none.</param>
internal sealed class MpiLauncher(Func<string, string?> variable)
{
    // mpirun of Open MPI; mpiexec of MPICH and its kin, and srun --mpi=pmi2; srun.
    private static readonly string[] Sizes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

    private static readonly string[] LocalRanks =
        ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK", "SLURM_LOCALID"];

    /// <summary>That of this process.</summary>
    public static MpiLauncher OfProcess => new(Environment.GetEnvironmentVariable);

    /// <summary>Number of this process among those of its machine, from 0; 0 where nobody says it.</summary>
    public int LocalRank
    {
        get
        {
            foreach (string name in LocalRanks)
            {
                if (Read(name) is { } rank)
                    return rank;
            }
            return 0;
        }
    }

    /// <summary>Whether Open MPI's mpirun is the launcher, another's is, or it is not known.</summary>
    public bool? IsOpenMpi => variable("OMPI_COMM_WORLD_SIZE") is not null ? true
        : variable("PMI_SIZE") is not null ? false : null;

    /// <summary>Refuses a library that knows nothing of the other processes.</summary>
    /// <param name="count">Processes as the library sees them.</param>
    /// <param name="library">What the library calls itself.</param>
    /// <exception cref="InvalidOperationException">
    /// Several were started, and each would train for itself and write over the others' files.
    /// </exception>
    public void Check(int count, string library)
    {
        foreach (string name in Sizes)
        {
            if (Read(name) is > 1 and int started && count == 1)
            {
                throw new InvalidOperationException($"MPI: expected {started} processes, as {name} says, found one, as"
                    + $" the library says ({library}). Launcher and library must be of one MPI: start with its own"
                    + $" mpirun, name its library in {MpiLibrary.Variable}, or give srun the --mpi that it speaks.");
            }
        }
    }

    private int? Read(string name) =>
        int.TryParse(variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
}
