using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// The machine's MPI, called through its C functions. The standard fixes their names and arguments, not what handles
/// are: Open MPI's are addresses of exported objects, those of MPICH and its kin (Intel MPI, MVAPICH, MS-MPI) numbers.
/// </summary>
internal sealed unsafe class MpiLibrary
{
    /// <summary>Names a library that is not found by itself.</summary>
    public const string Variable = "PREFIX_TUNING_MPI_LIBRARY";

    // Calls come from one thread at a time, which need not be the one that began.
    private const int Serialized = 2;

    // mpi.h of MPICH 3 and 4, whose binary interface its kin keep.
    private const nint MpichWorld = 0x44000000, MpichByte = 0x4c00010d;

    // MPI_MAX_LIBRARY_VERSION_STRING of either is no longer.
    private const int LongestVersion = 8192;

    private readonly nint _library;
    private readonly nint _world;
    private readonly nint _byte;
    private readonly delegate* unmanaged<nint, int, nint, nint, int, nint, nint, int> _allGather;
    private readonly delegate* unmanaged<nint, int, nint, int, nint, int> _broadcast;

    private MpiLibrary(nint library, string path)
    {
        _library = library;
        _allGather = (delegate* unmanaged<nint, int, nint, nint, int, nint, nint, int>)Export("MPI_Allgather");
        _broadcast = (delegate* unmanaged<nint, int, nint, int, nint, int>)Export("MPI_Bcast");
        Version = ReadVersion();
        if (NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _world))
            _byte = Export("ompi_mpi_byte");
        else if (IsLikeMpich(Version))
            (_world, _byte) = (MpichWorld, MpichByte);
        else
        {
            throw new NotSupportedException(
                $"MPI: expected Open MPI, or MPICH or one of its kin, found another in '{path}': {Version}.");
        }
    }

    /// <summary>What the library calls itself.</summary>
    public string Version { get; }

    /// <summary>Number of this process.</summary>
    public int Rank => Ask("MPI_Comm_rank");

    /// <summary>Number of processes.</summary>
    public int Size => Ask("MPI_Comm_size");

    /// <summary>Loads the library that fits the launcher, or the one that is named.</summary>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">It is of an unknown kind.</exception>
    public static MpiLibrary Load(MpiLauncher launcher, string? named)
    {
        string[] names = named is { Length: > 0 } ? [named] : Names(launcher.IsOpenMpi ?? true);
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
                return new MpiLibrary(library, name);
        }
        throw new DllNotFoundException($"MPI: expected one of the libraries {string.Join(", ", names)}, found none."
            + $" Install an MPI (Debian: openmpi-bin), or name its library in {Variable}.");
    }

    /// <summary>Joins the other processes.</summary>
    public void Initialize()
    {
        int given;
        var initialize = (delegate* unmanaged<nint, nint, int, int*, int>)Export("MPI_Init_thread");
        Check(initialize(0, 0, Serialized, &given), "MPI_Init_thread");
        if (given < Serialized)
        {
            throw new NotSupportedException("MPI: expected a library for several threads (MPI_THREAD_SERIALIZED),"
                + $" found level {given}: {Version}.");
        }
    }

    /// <summary>Leaves; returns when all do.</summary>
    public void Leave() => Check(((delegate* unmanaged<int>)Export("MPI_Finalize"))(), "MPI_Finalize");

    /// <summary>Ends all processes.</summary>
    /// <param name="code">What they return.</param>
    public void Abort(int code) => ((delegate* unmanaged<nint, int, int>)Export("MPI_Abort"))(_world, code);

    /// <summary>Every process's bytes, in the order of their ranks.</summary>
    public void Gather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        fixed (byte* from = own, to = all)
            Check(_allGather((nint)from, own.Length, _byte, (nint)to, own.Length, _byte, _world), "MPI_Allgather");
    }

    /// <summary>The first process's bytes for all.</summary>
    public void Broadcast(Span<byte> content)
    {
        fixed (byte* first = content)
            Check(_broadcast((nint)first, content.Length, _byte, 0, _world), "MPI_Bcast");
    }

    /// <summary>Whether a library that calls itself so has MPICH's binary interface.</summary>
    public static bool IsLikeMpich(string version)
    {
        foreach (string kin in (string[])["MPICH", "Intel(R) MPI", "MVAPICH", "Microsoft MPI"])
        {
            if (version.Contains(kin, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    // A launcher of one MPI and a library of another would make of every process an only one.
    private static string[] Names(bool isOpenMpi) => OperatingSystem.IsWindows() ? ["msmpi.dll"]
        : OperatingSystem.IsMacOS() ? ["libmpi.40.dylib", "libmpi.12.dylib", "libmpi.dylib"]
        : isOpenMpi ? ["libmpi.so.40", "libmpi.so", "libmpich.so.12", "libmpi.so.12"]
        : ["libmpich.so.12", "libmpi.so.12", "libmpi.so", "libmpi.so.40"];

    private string ReadVersion()
    {
        var text = new byte[LongestVersion];
        int length;
        fixed (byte* first = text)
        {
            var ask = (delegate* unmanaged<byte*, int*, int>)Export("MPI_Get_library_version");
            Check(ask(first, &length), "MPI_Get_library_version");
        }
        return Encoding.UTF8.GetString(text, 0, length).TrimEnd('\0', '\n').Split('\n')[0];
    }

    private int Ask(string function)
    {
        int answer;
        Check(((delegate* unmanaged<nint, int*, int>)Export(function))(_world, &answer), function);
        return answer;
    }

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);

    private static void Check(int code, string function)
    {
        if (code != 0)
            throw new IOException($"MPI: {function} failed with code {code}.");
    }
}
