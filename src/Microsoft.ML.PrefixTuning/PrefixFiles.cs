using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints;

namespace Microsoft.ML.PrefixTuning;

/// <content>Prefixes as files.</content>
public sealed partial class Prefix
{
    /// <summary>Reads a prefix that <see cref="Save"/> wrote.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">The file is broken, or holds something else than a prefix.</exception>
    /// <exception cref="NotSupportedException">The file was written by a newer version, or is a Python pickle.</exception>
    public static Prefix Load(string path) => PrefixFile.Load(path);

    /// <summary>
    /// Writes the prefix as a safetensors file: float32 keys and values of each attention, and how they are meant. The name
    /// holds the old or the new file, whole, whenever the process stops.
    /// </summary>
    /// <param name="path">The file; replaced if it is there.</param>
    /// <exception cref="DirectoryNotFoundException">Its folder is missing.</exception>
    /// <exception cref="IOException">Writing failed; a former file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written; a former file is untouched.</exception>
    public void Save(string path) => PrefixFile.Save(this, path);

    /// <summary>The bytes of the file that <see cref="Save"/> writes.</summary>
    internal byte[] ToBytes() => PrefixFile.ToBytes(this);

    /// <summary>Reads the bytes of <see cref="ToBytes"/>.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">Where they come from, for messages.</param>
    /// <inheritdoc cref="Load"/>
    internal static Prefix FromBytes(ReadOnlySpan<byte> bytes, string name) => PrefixFile.FromBytes(bytes, name);
}
