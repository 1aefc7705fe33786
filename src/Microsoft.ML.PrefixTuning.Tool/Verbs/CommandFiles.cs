using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// The files that a command line names, whatever paths lead to them: one that is written must be none of the others.
/// The file that standard output goes to, by a shell's redirection, is always one of them.
/// </summary>
internal sealed class CommandFiles
{
    private readonly List<NamedFile> _read = [];
    private readonly List<NamedFile> _written =
        [new NamedFile(StandardStream.Output.Name, TableFormats.Standard, StandardStream.Output)];

    /// <summary>Adds what is read: a file, the files of a folder, or nothing.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="path">Its path; null for none.</param>
    public CommandFiles Read(string what, string? path)
    {
        if (Directory.Exists(path))
            AddAll(what, Directory.EnumerateFiles(path));
        else if (path is not null)
            _read.Add(new NamedFile(what, path));
        return this;
    }

    /// <summary>Adds what rows are read from: a file, or standard input and the file that it comes from.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="path">Its path; null for none.</param>
    /// <exception cref="UsageException">Standard input was added before: it is read once.</exception>
    public CommandFiles ReadRows(string what, string? path)
    {
        if (path != TableFormats.Standard)
            return Read(what, path);
        if (_read.Find(file => file.Stream is not null) is { } other)
        {
            throw new UsageException($"'{path}': expected standard input to be named once, for it is read once, found"
                + $" it as {other.What} and as {what}.");
        }
        _read.Add(new NamedFile(what, path, StandardStream.Input));
        return this;
    }

    /// <summary>Adds the files of a base.</summary>
    /// <param name="path">Its folder or GGUF file; nothing need be there.</param>
    public CommandFiles ReadBase(string? path)
    {
        if (File.Exists(path) || Directory.Exists(path))
            AddAll("the base", FrozenBase.Files(path));
        return this;
    }

    /// <summary>
    /// Adds a saved model and the bases that it needs, at each place where they are looked for; those that it names in
    /// the network are not. It is not loaded.
    /// </summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="path">Its path; null for none.</param>
    /// <exception cref="FormatException">It is no saved model.</exception>
    public CommandFiles ReadModel(string what, string? path)
    {
        Read(what, path);
        if (File.Exists(path))
        {
            foreach (string place in SavedModelFile.Bases(path).SelectMany(BaseLocator.Places).Distinct())
                ReadBase(place);
        }
        return this;
    }

    /// <summary>Adds what is written.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="path">Its path; null for none.</param>
    public CommandFiles Write(string what, string? path)
    {
        if (path is not null)
            _written.Add(new NamedFile(what, path));
        return this;
    }

    /// <summary>Adds what rows are written to: a file, or standard output, which is there already.</summary>
    /// <inheritdoc cref="Write"/>
    public CommandFiles WriteRows(string what, string path) =>
        path == TableFormats.Standard ? this : Write(what, path);

    /// <summary>
    /// Refuses to write a file that a pattern of what is read would find the next time: the same command would read
    /// other rows then.
    /// </summary>
    /// <param name="data">What names the files of rows.</param>
    /// <exception cref="UsageException">One would be found.</exception>
    public CommandFiles CheckPattern(string data)
    {
        foreach (NamedFile written in _written
            .Where(file => file.Stream is null && SourceFiles.WouldBe(data, file.Path)))
        {
            throw new UsageException($"{written.Title}: expected another file than the rows, found a name of their"
                + $" pattern '{data}'.");
        }
        return this;
    }

    /// <summary>
    /// Refuses to write a file of a base that is open: a saved model may have found its own at another place than the
    /// one that it names.
    /// </summary>
    /// <exception cref="UsageException">One would be.</exception>
    public void CheckOpen()
    {
        foreach (NamedFile written in _written.Where(file => file.IsFile))
        {
            if (FilesInUse.Find(written.Lead) is { } found)
                throw new UsageException($"{written.Title}: expected another file than {found}.");
        }
    }

    /// <summary>Refuses to write a file that is read or is written under another name, too.</summary>
    /// <exception cref="UsageException">One would be.</exception>
    public void Check()
    {
        ILookup<FileIdentity, NamedFile> known = _read.Concat(_written)
            .Where(file => file.IsFile).ToLookup(file => FileIdentity.Of(file.Lead));
        foreach (NamedFile written in _written.Where(file => file.IsFile))
        {
            if (known[FileIdentity.Of(written.Lead)].FirstOrDefault(file => file != written) is not { } other)
                continue;
            string name = other.Path == written.Path ? "the same one" : $"{other.Name}, which is the same one";
            throw new UsageException(
                $"{written.Title}: expected another file than {other.What}, found {name}.");
        }
    }

    private void AddAll(string what, IEnumerable<string> paths) =>
        _read.AddRange(paths.Select(path => new NamedFile(what, path)));

    private sealed record NamedFile(string What, string Path, StandardStream? Stream = null)
    {
        public string Path { get; } = Path.Length > 0 ? Path
            : throw new UsageException($"{What}: expected a file, found an empty text.");

        /// <summary>The path that leads to it; where the system has none to a stream, that is no file.</summary>
        public string Lead => Stream is not null && OperatingSystem.IsLinux() ? Stream.Lead : Path;

        public bool IsFile => TableFormats.IsFile(Lead);

        public string Name => Stream?.Name ?? $"'{Path}'";

        public string Title => Stream?.Name ?? $"{What} '{Path}'";
    }

    /// <summary>Standard input or output, which a shell may have led to a file.</summary>
    private sealed record StandardStream(string Name, string Lead)
    {
        public static StandardStream Input { get; } = new("standard input", "/dev/stdin");

        public static StandardStream Output { get; } = new("standard output", "/dev/stdout");
    }
}
