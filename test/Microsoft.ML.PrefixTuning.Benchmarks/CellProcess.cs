using System;
using System.Diagnostics;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>A measurement in a process of its own, whose peak memory is therefore its own.</summary>
internal static class CellProcess
{
    /// <summary>The line that a verb prints in another process; null where that ended without one.</summary>
    public static string? Run(string verb, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        // Run by the dotnet command, the process is that command and needs the assembly's name.
        if (!Environment.ProcessPath!.Contains("Benchmarks", StringComparison.Ordinal))
            start.ArgumentList.Add(typeof(CellProcess).Assembly.Location);
        foreach (string argument in (string[])[verb, .. arguments])
            start.ArgumentList.Add(argument);
        using Process child = Process.Start(start)!;
        string line = child.StandardOutput.ReadToEnd().Trim();
        child.WaitForExit();
        if (child.ExitCode == 0)
            return line;
        Console.Error.WriteLine($"{string.Join(' ', arguments)}: ended with {child.ExitCode}.");
        return null;
    }

    /// <summary>Gigabytes that this process has in memory.</summary>
    public static double Resident()
    {
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64 / 1e9;
    }

    /// <summary>The most that it had so far.</summary>
    public static double Peak()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64 / 1e9;
    }
}
