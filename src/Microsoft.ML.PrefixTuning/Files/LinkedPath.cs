using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Symbolic links, followed as the system does: what a link says counts from the folder that it really lies in, and
/// <c>..</c> leads out of the folder that is really there. .NET takes <c>..</c> out of the text before.
/// </summary>
internal static class LinkedPath
{
    // What Linux follows before it takes links for a circle.
    private const int MostLinks = 40;

    /// <summary>Whether a path is that of a link, whatever it leads to.</summary>
    public static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    /// <summary>
    /// The path of what a path leads to, without a link in it; null where links lead in a circle. Nothing need be
    /// there.
    /// </summary>
    /// <param name="path">An absolute path.</param>
    public static string? Follow(string path)
    {
        string real = Path.GetPathRoot(path)!;
        var rest = new Stack<string>();
        Push(rest, path);
        for (int links = 0; rest.TryPop(out string? name);)
        {
            if (name == ".")
                continue;
            if (name == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }
            string next = Path.Combine(real, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MostLinks)
                return null;
            // Windows, too, takes '..' out of the text of a link.
            if (OperatingSystem.IsWindows())
                target = Path.GetFullPath(target, real);
            if (Path.IsPathRooted(target))
                real = Path.GetPathRoot(target)!;
            Push(rest, target);
        }
        return real;
    }

    private static void Push(Stack<string> rest, string path)
    {
        string[] names = path[Path.GetPathRoot(path)!.Length..].Split(
            [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        foreach (string name in Enumerable.Reverse(names))
            rest.Push(name);
    }
}
