using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What a file is that is not what was expected, told by its first bytes or by what an archive has.</summary>
internal static class FileHint
{
    /// <summary>Bytes that are looked at.</summary>
    public const int Start = 32;

    // The longest header of safetensors files, of the format's own reader.
    private const int LongestHeader = 100_000_000;

    /// <summary>The sentence about a zip archive.</summary>
    public const string Zip = " It is a zip archive, as saved models are.";

    private static ReadOnlySpan<byte> Gzip => [0x1f, 0x8b];

    private static ReadOnlySpan<byte> MarkOfUtf32 => [0, 0, 0xfe, 0xff];

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
        : start.StartsWith("PK\u0003\u0004"u8) ? Zip
        : start.StartsWith("PAR1"u8) ? " It is a Parquet file."
        : start.StartsWith(Gzip) ? " It is packed with gzip."
        : start.StartsWith("<"u8) ? " It looks like an HTML page." : "";

    /// <summary>
    /// The same of a file by its path, and of safetensors and JSON, which elsewhere may be what was expected.
    /// </summary>
    /// <param name="path">The file, which must be there.</param>
    public static string Of(string path)
    {
        ReadOnlySpan<byte> start = StartOf(path);
        bool isSafeTensors = start.Length > sizeof(long) && start[sizeof(long)] == '{'
            && BinaryPrimitives.ReadUInt64LittleEndian(start) < LongestHeader;
        return isSafeTensors ? " It is a safetensors file, as prefixes and weights are."
            : start.StartsWith("{"u8) ? " It looks like JSON." : For(start);
    }

    /// <summary>
    /// What a file is that is no text, though some such files can be read as one; null where it may be.
    /// </summary>
    /// <param name="path">The file, which must be there.</param>
    public static string? WithoutText(string path) => WithoutText(StartOf(path));

    /// <inheritdoc cref="WithoutText(string)"/>
    /// <param name="start">The file's first bytes, of which <see cref="Start"/> are enough.</param>
    public static string? WithoutText(ReadOnlySpan<byte> start) =>
        // A text may begin with the same letters, but not with what follows on them.
        start.StartsWith("version https://git-lfs"u8) ? "a pointer file of Git LFS: fetch the real file"
            : start.StartsWith(Gzip) ? "a file that is packed with gzip: unpack it"
            : start.StartsWith("PK\u0003\u0004"u8) ? "a zip archive"
            : start.StartsWith("PAR1"u8) && start[4..].ContainsAnyInRange((byte)0, (byte)8) ? "a Parquet file"
            : start.StartsWith("GGUF"u8) && start[4..].Contains((byte)0) ? "a GGUF file"
            // As UTF-8 they would be letters with characters between that nobody sees.
            : start.Length > 1 && start[..2].Contains((byte)0) && !start.StartsWith(MarkOfUtf32)
                ? "zero bytes, as UTF-16 and UTF-32 have them: put a byte order mark in front, or write UTF-8" : null;

    /// <summary>A sentence about a folder that lacks what was looked for, as <see cref="For"/>.</summary>
    /// <param name="folder">The folder; nothing need be there.</param>
    public static string OfFolder(string folder) =>
        File.Exists(Path.Combine(folder, "adapter_config.json")) ? " It is the folder of a PEFT adapter."
        : File.Exists(Path.Combine(folder, "config.json")) ? " It is the folder of a base." : "";

    private static ReadOnlySpan<byte> StartOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        var start = new byte[Start];
        return start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false));
    }
}
