using System;
using System.IO;
using System.IO.Compression;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What a file is that is not what was expected, told by its first bytes or by what an archive has.</summary>
internal static class FileHint
{
    /// <summary>What is at a path that is no file: a folder, or nothing.</summary>
    public static string WithoutFile(string path) => Directory.Exists(path) ? "a folder" : "nothing";

    /// <summary>Whether a file is a saved model; the weights that Python saves are zip archives, too.</summary>
    /// <param name="path">The file, which must be there.</param>
    public static bool IsSavedModel(string path)
    {
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            return archive.Entries.Any(entry => entry.FullName.EndsWith("Model.key", StringComparison.Ordinal));
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>A sentence to put behind a message, with a space in front; empty where the kind is not known.</summary>
    /// <param name="start">The file's first bytes; four are enough.</param>
    public static string For(ReadOnlySpan<byte> start) =>
        start.StartsWith("vers"u8) ? " It looks like a pointer file of Git LFS: fetch the real file."
        : start.StartsWith("GGUF"u8) ? " It is a GGUF file."
        : start.StartsWith("PK\u0003\u0004"u8) ? " It is a zip archive, as saved models are."
        : start.StartsWith("<"u8) ? " It looks like an HTML page." : "";
}
