using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Memory that this process may still take: what the system has, within the limits of the control groups that the
/// process is in (a container's limit). The one place where it is read.
/// </summary>
internal static partial class AvailableMemory
{
    /// <summary>Bytes; null where the system does not tell.</summary>
    public static long? Bytes()
    {
        if (OperatingSystem.IsLinux())
            return OfLinux("/");
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        // Before the first collection nothing is known.
        return memory.MemoryLoadBytes == 0 ? null
            : Math.Max(0, memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes);
    }

    /// <summary>
    /// Gives back to the system what the C library's heap keeps of memory that was freed, such as by a former training:
    /// it is free, and the system does not know.
    /// </summary>
    /// <returns>Whether there was any; never with another C library than glibc.</returns>
    public static bool GiveBack()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            return Trim(spare: 0) == 1;
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    /// <summary>What <see cref="Bytes"/> gives on Linux.</summary>
    /// <param name="root">Where proc and sys lie; another folder in tests.</param>
    internal static long? OfLinux(string root)
    {
        long?[] bounds = [OfSystem(root), .. ControlGroups(root).Select(OfGroup)];
        return bounds.Min();
    }

    private static long? OfSystem(string root) =>
        Field(Path.Combine(root, "proc", "meminfo"), "MemAvailable:") is { } kibibytes ? kibibytes * 1024 : null;

    /// <summary>The folders of the groups that bound memory, from the process's own to the outermost.</summary>
    private static IEnumerable<string> ControlGroups(string root)
    {
        foreach (string line in Lines(Path.Combine(root, "proc", "self", "cgroup")))
        {
            // Number, controllers, path; the second version has one group without controllers.
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3 || (parts[1].Length > 0 && !parts[1].Split(',').Contains("memory")))
                continue;
            string mount = Path.Combine(root, "sys", "fs", "cgroup", parts[1].Length > 0 ? "memory" : "");
            for (string? path = parts[2].Trim('/'); path is not null; path = Path.GetDirectoryName(path))
                yield return Path.Combine(mount, path);
        }
    }

    /// <summary>What a group may still take: its limit less what it uses and cannot give back.</summary>
    private static long? OfGroup(string folder)
    {
        long? limit = Number(folder, "memory.max") ?? Number(folder, "memory.limit_in_bytes");
        long? used = Number(folder, "memory.current") ?? Number(folder, "memory.usage_in_bytes");
        // What is kept of files that were read, such as a base, can go, whether they were read once (inactive) or again
        // (active); the system's own count has both.
        string counts = Path.Combine(folder, "memory.stat");
        long files = Of("inactive_file") + Of("active_file");
        return limit is null || used is null ? null : Math.Max(0, limit.Value - Math.Max(0, used.Value - files));

        // The first version counts a group's own and, as total, those of the groups in it.
        long Of(string name) => Field(counts, $"total_{name}") ?? Field(counts, name) ?? 0;
    }

    private static long? Number(string folder, string file) =>
        long.TryParse(Lines(Path.Combine(folder, file)).FirstOrDefault(), NumberStyles.None,
            CultureInfo.InvariantCulture, out long number) ? number : null;

    private static long? Field(string file, string name)
    {
        string[]? words = Lines(file).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(words => words.Length > 1 && words[0] == name);
        return long.TryParse(words?[1], NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : null;
    }

    private static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint spare);
}
