using System;
using System.Diagnostics;
using System.IO;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The build task that travels with the package, as MSBuild compiles and runs it.</summary>
[TestClass]
public sealed class NativeRepairTests
{
    private static readonly DateTime Built = new(2025, 3, 4, 5, 6, 7, DateTimeKind.Utc);
    private string _folder = "";

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("prefix-tuning-tests-").FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void MarkVersionNeedWeak_OfAnOlderLibraryThanTheCopied_CopiesItAnew()
    {
        string copy = Path.Combine(_folder, "copies", "copy.so"), current = Library("current.so", content: 9, Built);
        string project = Path.Combine(_folder, "repair.proj");
        File.WriteAllText(project, $"""
            <Project>
              <Import Project="{Path.Combine(Source.Library, "buildTransitive", "Microsoft.ML.PrefixTuning.targets")}" />
              <Target Name="Repair">
                <MarkVersionNeedWeak Source="{Library("former.so", content: 1, Built.AddYears(1))}" Destination="{copy}" Version="NONE" />
                <MarkVersionNeedWeak Source="{Library("present.so", content: 2, Built)}" Destination="{copy}" Version="NONE" />
                <MarkVersionNeedWeak Source="{Path.Combine(_folder, "present.so")}" Destination="{current}" Version="NONE" />
              </Target>
            </Project>
            """);
        Build(project);
        Assert.AreEqual(2, File.ReadAllBytes(copy)[^1], "the copy of the other library is stale, although it is newer");
        Assert.AreEqual(Built, File.GetLastWriteTimeUtc(copy));
        Assert.AreEqual(9, File.ReadAllBytes(current)[^1], "what has the library's size and time is left as it is");
    }

    /// <summary>The least that passes for a library: an ELF header without sections, and a byte.</summary>
    private string Library(string name, byte content, DateTime time)
    {
        string path = Path.Combine(_folder, name);
        byte[] library = new byte[65];
        "\u007fELF\u0002\u0001"u8.CopyTo(library);
        library[^1] = content;
        File.WriteAllBytes(path, library);
        File.SetLastWriteTimeUtc(path, time);
        return path;
    }

    private static void Build(string project)
    {
        var start = new ProcessStartInfo("dotnet",
            ["msbuild", project, "-target:Repair", "-nodeReuse:false", "-nologo"])
        { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, output);
    }
}
