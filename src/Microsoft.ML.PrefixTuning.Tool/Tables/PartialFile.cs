using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// The rows of a table that were written so far, beside the file that they are for. The first line names the command by
/// a hash; then a line a row has a hash of what was read and the text that was made of it. A row is handed to the
/// operating system at once, and a line is whole or it counts as not written: a kill at any moment loses nothing.
/// Locked while it is open.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private const string Ending = ".partial";

    private readonly FileStream _stream;
    private readonly SafeFileHandle _file;
    private readonly long _start;
    private HandleLines? _former;
    private long _end;

    private PartialFile(FileStream stream, string signature)
    {
        (Path, _stream, _file) = (stream.Name, stream, stream.SafeFileHandle);
        byte[] head = Encoding.UTF8.GetBytes(PartialRow.Head(signature));
        _former = new HandleLines(_file, 0);
        string? found = _former.ReadLine();
        // A kill may have come before the first line was whole.
        if (found is null ? !head.AsSpan().StartsWith(ReadAll()) : !PartialRow.IsHead(found))
            throw NotPartial();
        bool isSame = found + "\n" == PartialRow.Head(signature);
        if (!isSame && found is not null && _former.Position < RandomAccess.GetLength(_file))
            throw Another("those of another model, other options or another source");
        if (!isSame)
        {
            RandomAccess.SetLength(_file, 0);
            RandomAccess.Write(_file, head, 0);
            _former = new HandleLines(_file, head.Length);
        }
        _start = _end = head.Length;
    }

    /// <summary>Where it lies.</summary>
    public string Path { get; }

    /// <summary>Rows in it that were asked for or added.</summary>
    public long Rows { get; private set; }

    /// <summary>Whether it has no row.</summary>
    public bool IsEmpty => RandomAccess.GetLength(_file) == _start;

    /// <summary>Whether its rows are where they belong; it is deleted then.</summary>
    public bool IsDone { get; set; }

    /// <summary>Where the rows for a file are kept.</summary>
    public static string PathFor(string target) => TemporaryName.Beside(target, Ending);

    /// <summary>Opens the file, or makes it.</summary>
    /// <param name="target">The file that the rows are for.</param>
    /// <param name="signature">What the rows depend on, as a hash.</param>
    /// <exception cref="InvalidOperationException">It has the rows of another command.</exception>
    /// <exception cref="FormatException">It is another kind of file.</exception>
    /// <exception cref="IOException">Another process has it open, or it is no regular file.</exception>
    public static PartialFile Open(string target, string signature)
    {
        FileStream stream = OpenStream(target);
        try
        {
            return new PartialFile(stream, signature);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Whether the next row is in it. Behind the first one that is not, rows are added.</summary>
    /// <exception cref="InvalidOperationException">It has another row in its place.</exception>
    public bool Has(TableRow row)
    {
        if (Next() is not { } found)
            return false;
        if (found.Source != PartialRow.HashOf(row))
            throw Another($"another one than {row.Place}");
        Rows++;
        return true;
    }

    /// <summary>Adds a row behind the others.</summary>
    /// <param name="row">What was read.</param>
    /// <param name="text">What was made of it.</param>
    public void Add(TableRow row, string text)
    {
        byte[] line = Encoding.UTF8.GetBytes(new PartialRow(PartialRow.HashOf(row), text).Line);
        RandomAccess.Write(_file, line, _end);
        _end += line.Length;
        Rows++;
    }

    /// <summary>The texts of all rows, from the first one on.</summary>
    /// <exception cref="InvalidOperationException">There are more of them than rows were asked for.</exception>
    public IEnumerable<string> Texts()
    {
        if (Next() is not null)
            throw Another($"more than the {Rows} that were read now");
        var lines = new HandleLines(_file, _start);
        for (long row = 0; row < Rows; row++)
            yield return PartialRow.Parse(lines.ReadLine())?.Text ?? throw NotPartial();
    }

    public void Dispose()
    {
        bool isNeeded = !IsDone && !IsEmpty;
        // While it is locked: what the next process begins there stays. Windows deletes no open file.
        if (!isNeeded && !OperatingSystem.IsWindows())
            File.Delete(Path);
        _stream.Dispose();
        if (!isNeeded && OperatingSystem.IsWindows())
            File.Delete(Path);
    }

    private static FileStream OpenStream(string target)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            BufferSize = 0,
        };
        // Who may not read the former file may not read the rows for the new one.
        if (!OperatingSystem.IsWindows() && WriteTarget.Of(target).ModeWhileWriting is { } mode)
            options.UnixCreateMode = mode;
        string path = System.IO.Path.GetFullPath(PathFor(target));
        if (FileStatus.Of(path) is { Kind: not FileKind.File } other)
        {
            string found = other.Kind == FileKind.Folder ? "a folder" : "a device or a pipe";
            throw new IOException($"'{path}': expected nothing or a regular file, for rows are kept there until"
                + $" '{target}' has all of them, found {found}; move it away.");
        }
        while (true)
        {
            var stream = new FileStream(path, options);
            // Rows in a file that has no name any more would be lost with the process.
            if (LockedFile.IsInPlace(stream))
                return stream;
            stream.Dispose();
        }
    }

    private PartialRow? Next()
    {
        if (_former is null)
            return null;
        if (PartialRow.Parse(_former.ReadLine()) is { } row)
        {
            _end = _former.Position;
            return row;
        }
        // The end, or what a kill or a power cut left of a line.
        RandomAccess.SetLength(_file, _end);
        _former = null;
        return null;
    }

    private byte[] ReadAll()
    {
        var bytes = new byte[RandomAccess.GetLength(_file)];
        return bytes[..RandomAccess.Read(_file, bytes, 0)];
    }

    private FormatException NotPartial() =>
        new($"'{Path}': expected rows that a former run left, found another file; move it away.");

    private InvalidOperationException Another(string found) =>
        new($"'{Path}': expected rows of this command, found {found}. Run the command that left them again to have "
            + "them finished, or delete the file to begin anew.");
}
