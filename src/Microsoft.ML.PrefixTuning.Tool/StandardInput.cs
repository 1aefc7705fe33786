using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>Standard input of this process.</summary>
internal static class StandardInput
{
    // Linux's O_CLOEXEC.
    private const long CloseOnExec = 0x80000;
    private const string Flags = "flags:";

    /// <summary>
    /// Opens it. Where the process was started without one, whoever reads it is told so: its number may belong to a
    /// file of the runtime by then, which would be read in its place.
    /// </summary>
    public static TextReader Open() =>
        IsClosed() ? new ClosedReader() : new MarkedReader(Console.OpenStandardInput());

    /// <summary>
    /// Whether the process was started without it. A descriptor that was inherited does not have the mark to be closed
    /// when a program is started, or it would have been; those that the runtime opens have it.
    /// </summary>
    private static bool IsClosed()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            string? flags = File.ReadLines("/proc/self/fdinfo/0")
                .FirstOrDefault(line => line.StartsWith(Flags, StringComparison.Ordinal));
            return flags is not null && (Convert.ToInt64(flags[Flags.Length..].Trim(), 8) & CloseOnExec) != 0;
        }
        catch (FileNotFoundException)
        {
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A system that does not tell.
            return false;
        }
    }

    private sealed class ClosedReader : TextReader
    {
        private static IOException Fault =>
            new($"standard input: expected rows, found it closed; name a file instead of '{TableFormats.Standard}'.");

        public override int Peek() => throw Fault;

        public override int Read() => throw Fault;
    }
}
