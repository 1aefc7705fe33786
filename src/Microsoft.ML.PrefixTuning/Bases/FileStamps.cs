using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// The files of a base as they lay at one moment: names, and all that the file system tells of a change. Sizes and
/// times of writing alone can be the same for another content.
/// </summary>
internal sealed class FileStamps
{
    private readonly string _path;
    private readonly Stamp[] _stamps;

    private FileStamps(string path, Stamp[] stamps) => (_path, _stamps) = (path, stamps);

    /// <summary>Path and stamps as one text: the same where nothing changed.</summary>
    public string Key => string.Join('|', _stamps.Select(stamp => $"{stamp}").Prepend(_path));

    /// <summary>The files as they lie now.</summary>
    /// <param name="path">A folder or a GGUF file; nothing need be there.</param>
    public static FileStamps Of(string path)
    {
        path = Path.GetFullPath(path);
        return new FileStamps(path, [.. FrozenBase.Files(path).Select(Stamp.Of).OfType<Stamp>()]);
    }

    /// <summary>Name of a file that changed, came or went since, or null where there is none.</summary>
    public string? Change()
    {
        Stamp[] now = Of(_path)._stamps;
        return _stamps.Except(now).Concat(now.Except(_stamps)).Select(stamp => stamp.Name).FirstOrDefault();
    }

    private readonly record struct Stamp(string Name, FileStatus Status)
    {
        public static Stamp? Of(string file) =>
            // Some file systems tell the birth at times only; the time of change shows a new file as well.
            FileStatus.Of(file) is { } status ? new Stamp(Path.GetFileName(file), status with { Born = 0 }) : null;
    }
}
