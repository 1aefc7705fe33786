using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Prefixes;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// What a model file says about its prefix-tuning transformers. Their bases are not needed and nothing is loaded.
/// </summary>
internal static class SavedModelFile
{
    /// <summary>Reads the descriptions and prefixes of a file that <c>mlContext.Model.Save</c> wrote.</summary>
    /// <param name="path">The zip archive.</param>
    /// <returns>One for each transformer, in the file's order.</returns>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">It is no archive, has no such transformer, or a broken one.</exception>
    public static IReadOnlyList<SavedModelEntry> Read(string path) => Within(path, (archive, name) =>
    {
        SavedModelEntry[] found =
            [.. archive.Entries.Where(entry => NameOf(entry) == PrefixModelFormat.DescriptionStream)
            .Select(entry => ReadEntry(archive, entry, name))];
        return found.Length > 0 ? found
            : throw new FormatException(
                $"{name}: expected a saved model with a prefix-tuning transformer, found none in it.");
    });

    /// <summary>
    /// The bases that a file's transformers need, those of token counters beside them included.
    /// </summary>
    /// <inheritdoc cref="Read"/>
    public static IReadOnlyList<NeededBase> Bases(string path) =>
        [.. Read(path).Select(entry => entry.Saved.Base.ToNeeded()), .. Within(path, (archive, name) => archive.Entries
            .Where(entry => NameOf(entry) == TokenCounterFormat.Stream)
            .Select(entry => TokenCounterFormat.BaseOf(
                ReadBytes(entry, TokenCounterFormat.LongestDescription, name), $"{name}, '{entry.FullName}'"))
            .ToArray())];

    /// <summary>Refuses a path that leads to no file.</summary>
    /// <exception cref="FileNotFoundException">It leads to a folder, or to nothing.</exception>
    public static void CheckThere(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException(
                $"'{path}': expected a saved model, found {FileHint.WithoutFile(path)}.", path);
        }
    }

    private static T Within<T>(string path, Func<ZipArchive, string, T> read)
    {
        CheckThere(path);
        string name = Path.GetFileName(path);
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            return read(archive, name);
        }
        catch (InvalidDataException fault)
        {
            // An archive may be broken further on.
            string hint = FileHint.Of(path) is var found and not FileHint.Zip ? found : "";
            throw new FormatException(
                $"{name}: expected a saved model, found no zip archive: {fault.Message}{hint}", fault);
        }
    }

    private static SavedModelEntry ReadEntry(ZipArchive archive, ZipArchiveEntry description, string file)
    {
        string folder = description.FullName[..^NameOf(description).Length];
        string place = $"{file}, '{folder.TrimEnd('/', '\\')}'";
        SavedModel saved = SavedModel.FromBytes(ReadBytes(description, PrefixModelFormat.LongestDescription, place),
            $"{place}, {PrefixModelFormat.DescriptionStream}");
        PrefixModelFormat.CheckNamed(saved, stream => archive.GetEntry(folder + stream) is not null, place);
        bool isOnly = archive.Entries.Count(entry => NameOf(entry) == PrefixModelFormat.DescriptionStream) == 1;
        return new SavedModelEntry(isOnly ? file : $"'{folder.TrimEnd('/', '\\')}' of {file}", saved,
            PrefixModelFormat.ReadPrefixes(saved, ReadPrefix));

        Prefix ReadPrefix(string name, long bytes)
        {
            ZipArchiveEntry stream = archive.GetEntry(folder + name)
                ?? throw new FormatException($"{place}: expected a stream '{name}', found none.");
            return PrefixFile.FromBytes(ReadBytes(stream, bytes, place), $"{place}, {name}");
        }
    }

    private static byte[] ReadBytes(ZipArchiveEntry entry, long most, string place) =>
        new ArchiveStream(entry, $"{place}, {NameOf(entry)}").ReadBytes(most);

    // ML.NET writes the separator of the system it runs on.
    private static string NameOf(ZipArchiveEntry entry) =>
        entry.FullName[(entry.FullName.LastIndexOfAny(['/', '\\']) + 1)..];
}

/// <summary>A transformer in a model file.</summary>
/// <param name="Place">The file, or which of several of its transformers it is, for messages.</param>
/// <param name="Saved">What it says about itself.</param>
/// <param name="Prefixes">Its prefix, none, or those of the values of its attribute column.</param>
internal sealed record SavedModelEntry(string Place, SavedModel Saved, PrefixesByValue Prefixes)
{
    /// <summary>
    /// The prefix of all rows, or of those whose attribute has none of its own; null where there is none.
    /// </summary>
    public Prefix? Prefix => Prefixes.ForOthers;

    /// <summary>
    /// Finds the base on this machine, as loading does, and takes a share of it in 32 bits on the CPU; it is the
    /// caller's. A base that the model carries is not unpacked: it is looked for as others are.
    /// </summary>
    /// <exception cref="FileNotFoundException">It is at none of the places looked at.</exception>
    /// <exception cref="InvalidOperationException">What is there is another base, or a broken one.</exception>
    public BaseLease AcquireBase()
    {
        NativeLibrary.Require();
        return BaseLocator.Find(Saved.Base, path => FrozenBase.Acquire(path, torch.float32, torch.CPU));
    }
}
