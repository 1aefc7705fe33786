using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Which file a path leads to: equal for two paths to one file, by symbolic and hard links, <c>./</c>, and names in
/// another case where the file system takes them for one. A file that is not there yet is the place that it would take.
/// </summary>
internal readonly record struct FileIdentity
{
    // The file itself, or the nearest folder around it that is there.
    private readonly FileNode _node;

    // Names from that folder on to the file; empty for a file that is there.
    private readonly string _rest;

    private FileIdentity(FileNode node, string rest) => (_node, _rest) = (node, rest);

    /// <summary>The identity of the file that a path leads to now.</summary>
    /// <param name="path">A path; nothing need be there.</param>
    public static FileIdentity Of(string path) => Of(path, IgnoresCase);

    /// <inheritdoc cref="Of(string)"/>
    /// <param name="path">A path; nothing need be there.</param>
    /// <param name="ignoresCase">Whether names in a folder that is there are one if they differ in case alone.</param>
    internal static FileIdentity Of(string path, Func<string, bool> ignoresCase)
    {
        path = Path.GetFullPath(path);
        var rest = new Stack<string>();
        while (true)
        {
            if (FileStatus.Of(path) is { } status)
                return new FileIdentity(status.Node, Join(rest, rest.Count > 0 && ignoresCase(path)));
            // A link to what is not there yet: whoever writes it makes the file that it leads to.
            if (LinkedPath.IsLink(path) && LinkedPath.Follow(path) is { } target)
            {
                path = target;
                continue;
            }
            if (Path.GetDirectoryName(path) is not { } folder)
                return new FileIdentity(default, Join(rest.Prepend(path), isFolded: false));
            rest.Push(Path.GetFileName(path));
            path = folder;
        }
    }

    private static string Join(IEnumerable<string> names, bool isFolded)
    {
        string joined = string.Join(Path.DirectorySeparatorChar, names);
        return isFolded ? joined.ToUpperInvariant() : joined;
    }

    /// <summary>Asks a folder itself: some file systems have folders of both kinds.</summary>
    private static bool IgnoresCase(string folder)
    {
        try
        {
            foreach (string known in Directory.EnumerateFileSystemEntries(folder).Append(folder))
            {
                string other = Path.Combine(Path.GetDirectoryName(known) ?? "", SwapCase(Path.GetFileName(known)));
                if (other != known && FileStatus.Of(known) is { } status)
                    return FileStatus.Of(other)?.Node == status.Node;
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A folder that shows nothing of itself is like most of its system.
        }
        return OperatingSystem.IsWindows() || OperatingSystem.IsMacOS();
    }

    private static string SwapCase(string name) => string.Concat(name.Select(letter =>
        char.IsUpper(letter) ? char.ToLowerInvariant(letter) : char.ToUpperInvariant(letter)));
}
