using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>What a path is, told by its form; a file of another ending by how it begins.</summary>
internal enum PathKind
{
    /// <summary>A saved model.</summary>
    Model,

    /// <summary>A prefix as a safetensors file.</summary>
    Prefix,

    /// <summary>The folder of a PEFT adapter.</summary>
    Peft,

    /// <summary>A base: folder or GGUF file.</summary>
    Base,
}

/// <summary>Prefixes by their paths.</summary>
internal static class PrefixSource
{
    /// <summary>What is there.</summary>
    /// <exception cref="FileNotFoundException">Nothing is.</exception>
    /// <exception cref="FormatException">It is none of the kinds.</exception>
    public static PathKind KindOf(string path)
    {
        if (Directory.Exists(path))
            return File.Exists(Path.Combine(path, PeftConfig.File)) ? PathKind.Peft : PathKind.Base;
        if (path == BaseArgument.Packaged && !File.Exists(path))
            return PathKind.Base;
        if (!File.Exists(path))
            throw new FileNotFoundException($"'{path}': found nothing there.", path);
        return Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".ZIP" => PathKind.Model,
            ".SAFETENSORS" => PathKind.Prefix,
            ".GGUF" => PathKind.Base,
            _ when IsZip(path) => PathKind.Model,
            _ => throw new FormatException(
                $"'{path}': expected a saved model (.zip), a prefix (.safetensors), a base (.gguf or a folder) or the"
                    + $" folder of an adapter.{FileHint.Of(path)}"),
        };
    }

    /// <summary>Whether a name ends as that of something else than a saved model does.</summary>
    public static bool HasOtherEnding(string path) =>
        Path.GetExtension(path).ToUpperInvariant() is ".SAFETENSORS" or ".GGUF" or ".HTML" or ".STATE";

    private static bool IsZip(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using FileStream file = File.OpenRead(path);
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start.SequenceEqual("PK\u0003\u0004"u8);
    }

    /// <summary>What is to be written under a name.</summary>
    public static PathKind KindToWrite(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".ZIP" => PathKind.Model,
        ".SAFETENSORS" => PathKind.Prefix,
        _ => PathKind.Peft,
    };

    /// <summary>Reads a prefix from its file or from the folder of an adapter.</summary>
    public static Prefix Load(string path, BaseModel baseModel) =>
        Directory.Exists(path) ? Prefix.FromPeft(path, baseModel) : Prefix.Load(path);
}
