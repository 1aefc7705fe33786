using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>Files that this process has open and goes on reading: nothing of it writes over them.</summary>
internal static class FilesInUse
{
    private static readonly ConcurrentDictionary<Use, bool> Uses = new();

    /// <summary>Keeps files from being written over until the result is disposed.</summary>
    /// <param name="owner">What they belong to, for the message.</param>
    /// <param name="paths">The files; both what they are now and what lies at these paths later.</param>
    public static IDisposable Hold(string owner, IEnumerable<string> paths) => new Use(owner, [.. paths]);

    /// <summary>Refuses a target that is one of the files.</summary>
    /// <param name="target">A path that is about to be written.</param>
    /// <exception cref="InvalidOperationException">It is one; nothing was touched.</exception>
    public static void Refuse(string target)
    {
        FileIdentity identity = FileIdentity.Of(target);
        foreach (Use use in Uses.Keys)
        {
            if (use.Find(identity) is { } file)
            {
                throw new InvalidOperationException($"'{target}': expected the name of another file to write, found "
                    + $"'{Path.GetFileName(file)}' of {use.Owner}, which is open in this process. It is untouched.");
            }
        }
    }

    private sealed class Use : IDisposable
    {
        private readonly string[] _paths;
        private readonly FileIdentity[] _identities;

        public Use(string owner, string[] paths)
        {
            (Owner, _paths, _identities) = (owner, paths, Array.ConvertAll(paths, FileIdentity.Of));
            Uses.TryAdd(this, true);
        }

        public string Owner { get; }

        /// <summary>The path of the file that is meant, or null.</summary>
        public string? Find(FileIdentity identity)
        {
            int found = Array.IndexOf(_identities, identity);
            return found >= 0 ? _paths[found] : _paths.FirstOrDefault(path => FileIdentity.Of(path) == identity);
        }

        public void Dispose() => Uses.TryRemove(this, out _);
    }
}
