using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>A folder for a test's files that goes when it is disposed, also where the test fails.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("prefix-tuning-tests-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Copies the files of another folder, without its subfolders.</summary>
    public TemporaryFolder CopyFrom(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
            File.Copy(file, this[System.IO.Path.GetFileName(file)]);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
