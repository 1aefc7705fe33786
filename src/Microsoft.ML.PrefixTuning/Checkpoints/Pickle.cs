using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>Python pickles: programs that run when they are read. None is ever parsed.</summary>
internal static class Pickle
{
    private static readonly string[] Extensions = [".bin", ".pt", ".pth", ".pkl", ".ckpt"];

    /// <summary>Refuses a file that begins as pickles do: bare, or in the archive that torch.save makes.</summary>
    /// <exception cref="NotSupportedException">It does.</exception>
    public static void RefuseContent(ReadOnlySpan<byte> start, string file)
    {
        // Opcode PROTO with 2 to 5, or a zip. A safetensors file may begin with the same bytes; as the length of its
        // header they would be a small number.
        bool marked = start.Length >= 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5
            || start.StartsWith("PK\x03\x04"u8);
        if (marked && (start.Length < sizeof(ulong) || BinaryPrimitives.ReadUInt64LittleEndian(start) > uint.MaxValue))
            throw new NotSupportedException(Message(file, "converted.safetensors"));
    }

    /// <summary>Refuses a folder whose weights are pickles; to be asked where no safetensors file was found.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="wanted">Name of the safetensors file that would be read.</param>
    /// <exception cref="NotSupportedException">There are pickles.</exception>
    public static void RefuseFolder(string folder, string wanted)
    {
        string? found = Directory.EnumerateFiles(folder).Select(Path.GetFileName).OfType<string>()
            .Where(file => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)
                .FirstOrDefault(file => Path.GetFileNameWithoutExtension(file) != "training_args");
        if (found is not null)
            throw new NotSupportedException(Message(found, wanted));
    }

    private static string Message(string file, string target) =>
        $"{file}: found a Python pickle, which is never read here; expected safetensors ({target}). Convert it where"
            + " you trust it: "
            + "python -c \"import torch, safetensors.torch as s; s.save_file({k: v.clone() for k, v in "
            + $"torch.load('{file}', weights_only=True).items()}}, '{target}', {{'format': 'pt'}})\"";
}
