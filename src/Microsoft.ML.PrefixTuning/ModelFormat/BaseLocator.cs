using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>Finds the base of a saved transformer on this machine, by its fingerprint.</summary>
internal static class BaseLocator
{
    /// <summary>
    /// Name of the application setting (<c>AppContext</c>, such as a <c>RuntimeHostConfigurationOption</c> in the project file) that
    /// holds a folder to look for bases in.
    /// </summary>
    public const string FolderSetting = "Microsoft.ML.PrefixTuning.BaseModelFolder";

    /// <summary>The name of a base: its folder, or its file and the folder that it lies in.</summary>
    public static string NameOf(string path) => Directory.Exists(path) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path))
        : $"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}";

    /// <summary>Tries the places where the base may lie, in order: as recorded, beside the application, in the application's setting.</summary>
    /// <param name="saved">The base that is needed.</param>
    /// <param name="acquire">Loads a base; its lease is the caller's.</param>
    /// <exception cref="FileNotFoundException">Nothing is at any of the places.</exception>
    /// <exception cref="InvalidOperationException">Something is there, but not this base.</exception>
    public static BaseLease Find(SavedBase saved, Func<string, BaseLease> acquire)
    {
        InvalidOperationException? other = null;
        var looked = new List<string>();
        foreach (string path in Places(saved))
        {
            looked.Add(path);
            if (!File.Exists(path) && !Directory.Exists(path))
                continue;
            try
            {
                return Check(saved, acquire(path));
            }
            catch (InvalidOperationException fault)
            {
                other ??= fault;
            }
        }
        throw other ?? (Exception)new FileNotFoundException($"The saved transformer needs the base model '{saved.Name}' ({saved.Fingerprint.Family}, {saved.Fingerprint.Layers} layers, width {saved.Fingerprint.Width}, "
            + $"weights {saved.Fingerprint.ContentHash[..Math.Min(12, saved.Fingerprint.ContentHash.Length)]}), which was not found. Looked for: '{string.Join("', '", looked)}'. Put it at one of these places, or name its folder by the application setting {FolderSetting}.", saved.Path);
    }

    /// <summary>Refuses a base that is not the saved one; its lease is then given back.</summary>
    /// <exception cref="InvalidOperationException">It is another base.</exception>
    public static BaseLease Check(SavedBase saved, BaseLease lease)
    {
        string path = lease.Base.Path;
        if (saved.Fingerprint.Difference(lease.Base.Fingerprint) is not { } difference)
            return lease;
        lease.Dispose();
        throw new InvalidOperationException($"The saved transformer needs the base model '{saved.Name}', but '{path}' is another one: {difference}.");
    }

    private static IEnumerable<string> Places(SavedBase saved)
    {
        yield return saved.Path;
        string name = saved.Name.Replace('/', Path.DirectorySeparatorChar);
        yield return Path.Combine(AppContext.BaseDirectory, BaseModel.ApplicationFolder, name);
        if (AppContext.GetData(FolderSetting) is string { Length: > 0 } folder)
        {
            yield return Path.Combine(folder, name);
            yield return Path.Combine(folder, Path.GetFileName(name));
        }
    }
}
