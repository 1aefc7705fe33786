using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Enumeration;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>The files of a table that a path or a pattern names.</summary>
internal static class SourceFiles
{
    /// <summary>The files, in the order of their names; what is no file, or no pattern, is itself.</summary>
    /// <param name="data">
    /// A path whose last part may have * for any letters and ? for one; neither stands for a dot that a name begins
    /// with.
    /// </param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static IReadOnlyList<string> Of(string data)
    {
        if (!TableFormats.IsFile(data) || File.Exists(data))
            return [data];
        string folder = Path.GetDirectoryName(data) ?? "", pattern = Path.GetFileName(data);
        if (pattern.AsSpan().IndexOfAny('*', '?') < 0)
            CheckThere(data);
        string[] found = Directory.Exists(folder.Length == 0 ? "." : folder)
            ? [.. Directory.EnumerateFiles(folder.Length == 0 ? "." : folder).Select(path => Path.GetFileName(path))
                .Where(name => Matches(pattern, name)).Select(name => Path.Combine(folder, name))
                .Order(StringComparer.Ordinal)] : [];
        return found.Length > 0 ? found
            : throw new FileNotFoundException($"'{data}': expected files of this pattern, found none.", data);
    }

    /// <summary>Refuses a path that is to be read and leads to nothing, or to a folder.</summary>
    /// <exception cref="FileNotFoundException">It is so.</exception>
    public static void CheckThere(string path)
    {
        if (TableFormats.IsFile(path) && !File.Exists(path))
        {
            throw new FileNotFoundException(
                $"'{path}': expected a file of rows, found {FileHint.WithoutFile(path)}.", path);
        }
    }

    /// <summary>Whether a file would be one of them once it is there.</summary>
    /// <param name="data">What the rows' files are named by.</param>
    /// <param name="path">The file.</param>
    public static bool WouldBe(string data, string path)
    {
        if (File.Exists(data) || Path.GetFileName(data).AsSpan().IndexOfAny('*', '?') < 0)
            return false;
        return FileIdentity.Of(FolderOf(data)) == FileIdentity.Of(FolderOf(path))
            && Matches(Path.GetFileName(data), Path.GetFileName(path));
    }

    // As shells match names: programs keep files of their own beside the rows, and hide them behind a dot.
    private static bool Matches(string pattern, string name) =>
        (pattern.StartsWith('.') || !name.StartsWith('.'))
        && FileSystemName.MatchesSimpleExpression(pattern, name,
            ignoreCase: OperatingSystem.IsWindows() || OperatingSystem.IsMacOS());

    private static string FolderOf(string path) =>
        Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".";
}
