using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.MlNet;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// A base that travels inside a model file. Extracted, it lies in a private temporary folder, which is owned and
/// deleted when this is disposed.
/// </summary>
internal sealed class EmbeddedBase : IDisposable
{
    private readonly string[] _paths;
    private readonly string? _folder;

    private EmbeddedBase(string basePath, string[] paths, IReadOnlyList<SavedFile> manifest, string? folder) =>
        (BasePath, _paths, Manifest, _folder) = (basePath, paths, manifest, folder);

    /// <summary>Folder or GGUF file, as <see cref="FrozenBase"/> takes it.</summary>
    public string BasePath { get; }

    /// <summary>Names, sizes and hashes.</summary>
    public IReadOnlyList<SavedFile> Manifest { get; }

    /// <summary>The files of a base that is in use.</summary>
    /// <exception cref="InvalidOperationException">They changed since they were loaded.</exception>
    public static EmbeddedBase Of(FrozenBase frozen)
    {
        string[] paths = FrozenBase.Files(frozen.Path).ToArray();
        SavedFile[] manifest = paths.Select(Describe).ToArray();
        frozen.CheckFiles();
        return new EmbeddedBase(frozen.Path, paths, manifest, null);
    }

    /// <summary>
    /// Takes a share of the base that an entry carries. It is extracted where nobody in this process has one of the
    /// same files, and those are deleted with the last share.
    /// </summary>
    /// <param name="context">The entry.</param>
    /// <param name="manifest">What it should hold.</param>
    /// <param name="temporary">Folder for temporary files, or null for the system's.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="device">Where the weights go.</param>
    /// <exception cref="FormatException">A size or hash is not as the manifest says, or the base is broken.</exception>
    public static BaseLease Acquire(ModelLoadContext context, IReadOnlyList<SavedFile> manifest, string? temporary,
        ScalarType type, Device device) =>
        FrozenBase.AcquireByContent(Content(manifest), type, device, () =>
        {
            EmbeddedBase files = Extract(context, manifest, temporary);
            try
            {
                FrozenBase frozen = FrozenBase.Load(files.BasePath, type, device);
                frozen.TakeFiles(files);
                return frozen;
            }
            catch
            {
                files.Dispose();
                throw;
            }
        });

    /// <summary>Writes the files as streams of an entry.</summary>
    public void Write(ModelSaveContext context)
    {
        for (int i = 0; i < _paths.Length; i++)
        {
            string path = _paths[i];
            MlNetInternals.WriteStream(context, StreamName(i), stream =>
            {
                using FileStream file = File.OpenRead(path);
                file.CopyTo(stream);
            });
        }
    }

    /// <summary>Copies the files of an entry to a new temporary folder that only this user can read.</summary>
    private static EmbeddedBase Extract(ModelLoadContext context, IReadOnlyList<SavedFile> manifest, string? temporary)
    {
        string folder = Path.Combine(temporary ?? Path.GetTempPath(), $"prefix-tuning-base-{Guid.NewGuid():N}");
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var paths = new string[manifest.Count];
        bool whole = false;
        try
        {
            for (int i = 0; i < paths.Length; i++)
                paths[i] = Extract(context, i, manifest[i], folder);
            whole = true;
        }
        finally
        {
            if (!whole)
                Directory.Delete(folder, recursive: true);
        }
        // A split file has several, the first part first.
        bool isGguf = Array.TrueForAll(paths, path => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase));
        return new EmbeddedBase(isGguf ? paths[0] : folder, paths, manifest, folder);
    }

    public void Dispose()
    {
        if (_folder is not null && Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    private static string Extract(ModelLoadContext context, int index, SavedFile expected, string folder)
    {
        string place = $"Model entry '{MlNetInternals.GetPlace(context)}', base file '{expected.Name}'";
        string path = Path.Combine(folder, expected.Name);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long left = expected.Bytes;
        bool found = MlNetInternals.TryReadStream(context, StreamName(index), stream =>
        {
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
            var buffer = new byte[1 << 20];
            int read;
            while ((read = stream.Read(buffer)) > 0)
            {
                left -= read;
                if (left < 0)
                    throw new FormatException($"{place}: expected {expected.Bytes} bytes, found more.");
                hash.AppendData(buffer, 0, read);
                file.Write(buffer, 0, read);
            }
        });
        string actual = Convert.ToHexStringLower(hash.GetCurrentHash());
        if (!found || left != 0 || actual != expected.Hash)
            throw new FormatException(
                $"{place}: expected {expected.Bytes} bytes with hash {expected.Hash}, found"
                    + $" {(found ? $"{expected.Bytes - left} bytes with hash {actual}" : "none")}.");
        return path;
    }

    // Names hold no colon and hashes have one length: no two manifests give one text.
    private static string Content(IEnumerable<SavedFile> manifest) =>
        string.Join('|', manifest.OrderBy(file => file.Name, StringComparer.Ordinal)
            .Select(file => $"{file.Name}:{file.Bytes}:{file.Hash}"));

    private static SavedFile Describe(string path)
    {
        using FileStream file = File.OpenRead(path);
        return new SavedFile(Path.GetFileName(path), file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    private static string StreamName(int index) => $"Base.{index}";
}
