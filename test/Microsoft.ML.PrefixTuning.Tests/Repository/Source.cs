using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The repository's own files, for tests that read them.</summary>
internal static class Source
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The library's folder.</summary>
    public static string Library => Path.Combine(Root, "src", "Microsoft.ML.PrefixTuning");

    /// <summary>The library's source files, as paths relative to it with forward slashes.</summary>
    public static IEnumerable<string> LibraryFiles =>
        Directory.EnumerateFiles(Library, "*.cs", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Library, file).Replace('\\', '/'))
        .Where(file => !file.StartsWith("buildTransitive/", StringComparison.Ordinal)
            && !file.StartsWith("obj/", StringComparison.Ordinal) && !file.StartsWith("bin/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    /// <summary>All C# files that are written by hand, with their full paths.</summary>
    public static IEnumerable<string> CodeFiles => new[] { "src", "test", "tools", "samples", "build" }
        .SelectMany(folder =>
            Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}",
            StringComparison.Ordinal));

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Microsoft.ML.PrefixTuning.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException("The solution's folder is not above the tests' output.");
    }
}
