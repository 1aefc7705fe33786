using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// A base that travels inside a model file. Extracted, it lies in a private temporary folder, which is owned and
/// deleted when this is disposed.
/// </summary>
internal sealed class EmbeddedBase : IDisposable
{
    private readonly string[] _paths;
    private readonly PrivateFolder? _folder;

    private EmbeddedBase(string basePath, string[] paths, IReadOnlyList<SavedFile> manifest, PrivateFolder? folder) =>
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
    /// <param name="find">Finds a stream of the entry by its name.</param>
    /// <param name="manifest">What it should hold.</param>
    /// <param name="origin">Where it came from.</param>
    /// <param name="temporary">Folder for temporary files, or null for the system's.</param>
    /// <param name="form">How its numbers are kept.</param>
    /// <param name="device">Where the weights go.</param>
    /// <exception cref="FormatException">A size or hash is not as the manifest says, or the base is broken.</exception>
    public static BaseLease Acquire(Func<string, ArchiveStream?> find, IReadOnlyList<SavedFile> manifest,
        BaseOrigin origin, string? temporary, BaseForm form, Device device) =>
        FrozenBase.AcquireByContent(Content(manifest), form, device, () =>
        {
            EmbeddedBase files = Extract(find, manifest, temporary);
            try
            {
                FrozenBase frozen = FrozenBase.Load(files.BasePath, form, device);
                frozen.TakeFiles(files, origin);
                return frozen;
            }
            catch
            {
                files.Dispose();
                throw;
            }
        });

    /// <summary>Writes the files as streams of an entry.</summary>
    /// <param name="save">Saves a stream of a name, given what writes into it.</param>
    public void Write(Action<string, Action<Stream>> save)
    {
        for (int i = 0; i < _paths.Length; i++)
        {
            string path = _paths[i];
            save(StreamName(i), stream =>
            {
                using FileStream file = File.OpenRead(path);
                file.CopyTo(stream);
            });
        }
    }

    public void Dispose() => _folder?.Dispose();

    private static EmbeddedBase Extract(Func<string, ArchiveStream?> find, IReadOnlyList<SavedFile> manifest,
        string? temporary)
    {
        PrivateFolder folder = PrivateFolder.Make(temporary);
        try
        {
            string[] paths = [.. manifest.Select((file, i) => Extract(find(StreamName(i)), file, folder.Path))];
            // A split file has several, the first part first.
            bool isGguf = Array.TrueForAll(paths, path => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase));
            return new EmbeddedBase(isGguf ? paths[0] : folder.Path, paths, manifest, folder);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private static string Extract(ArchiveStream? stream, SavedFile expected, string folder)
    {
        if (stream is null)
            throw new FormatException($"Base file '{expected.Name}': expected a stream of the entry, found none.");
        string path = Path.Combine(folder, expected.Name);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
        {
            stream.Read(expected.Bytes, piece =>
            {
                hash.AppendData(piece);
                file.Write(piece);
            });
        }
        string actual = Convert.ToHexStringLower(hash.GetCurrentHash());
        return actual == expected.Hash ? path
            : throw new FormatException(
                $"{stream.Place} ('{expected.Name}'): expected hash {expected.Hash}, found {actual}.");
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
