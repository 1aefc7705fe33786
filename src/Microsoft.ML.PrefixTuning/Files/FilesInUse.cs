using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>Files that this process has open and goes on reading: nothing of it writes over them.</summary>
internal static class FilesInUse
{
    // Does not keep a use alive: one that is forgotten without Dispose ends with what held it.
    private static readonly ConditionalWeakTable<Use, string> Uses = [];

    /// <summary>
    /// Keeps files from being written over until the result is disposed, or forgotten and found by the collector: the
    /// owner must keep it.
    /// </summary>
    /// <param name="owner">What they belong to, for the message.</param>
    /// <param name="paths">The files; both what they are now and what lies at these paths later.</param>
    public static IDisposable Hold(string owner, IEnumerable<string> paths) => new Use(owner, [.. paths]);

    /// <summary>Refuses a target that is one of the files.</summary>
    /// <param name="target">A path that is about to be written.</param>
    /// <exception cref="InvalidOperationException">It is one; nothing was touched.</exception>
    public static void Refuse(string target)
    {
        if (Find(target) is { } found)
        {
            throw new InvalidOperationException($"'{target}': expected the name of another file to write, found "
                + $"{found}, which is open in this process. It is untouched.");
        }
    }

    /// <summary>Which of the files a path leads to, and of what it is; null for none.</summary>
    public static string? Find(string path)
    {
        FileIdentity identity = FileIdentity.Of(path);
        FileStatus? status = FileStatus.Of(path);
        foreach ((Use use, string owner) in Uses)
        {
            if (use.Find(identity, status) is { } file)
                return $"'{Path.GetFileName(file)}' of {owner}";
        }
        return null;
    }

    private sealed class Use : IDisposable
    {
        private readonly (string Path, FileStatus? Status)[] _files;

        public Use(string owner, string[] paths)
        {
            _files = Array.ConvertAll(paths, path => (path, FileStatus.Of(path)));
            Uses.Add(this, owner);
        }

        /// <summary>The path of the file that is meant, or null.</summary>
        public string? Find(FileIdentity identity, FileStatus? status) => _files
            .Where(file => FileIdentity.Of(file.Path) == identity || WasMoved(file.Status, status))
            .Select(file => file.Path).FirstOrDefault();

        public void Dispose() => Uses.Remove(this);

        // A file that was deleted leaves its number to another one.
        private static bool WasMoved(FileStatus? before, FileStatus? now) => before is { } held && now is { } found
            && held.Node == found.Node && (held.Born == found.Born || held.Born == 0 || found.Born == 0);
    }
}
