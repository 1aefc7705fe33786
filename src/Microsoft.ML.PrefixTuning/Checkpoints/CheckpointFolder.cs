using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>The weights of a checkpoint folder: one safetensors file, or shards named by an index.</summary>
internal static class CheckpointFolder
{
    /// <summary>Name of a lone weight file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>Opens the weights of a folder.</summary>
    /// <exception cref="FileNotFoundException">There are none.</exception>
    /// <exception cref="FormatException">A file or the index is broken.</exception>
    /// <exception cref="NotSupportedException">There are only pickles.</exception>
    public static ITensorSource Open(string folder)
    {
        string single = Path.Combine(folder, SingleFile);
        if (File.Exists(single))
            return SafeTensorsFile.Open(single);
        if (File.Exists(Path.Combine(folder, ShardedCheckpoint.IndexFile)))
            return ShardedCheckpoint.Open(folder);
        Pickle.RefuseFolder(folder, SingleFile);
        throw new FileNotFoundException(
            $"{SingleFile}: expected in '{folder}' (or {ShardedCheckpoint.IndexFile} with its shards, or the path of"
                + " a .gguf file), found no weights.", single);
    }
}
