using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;

namespace Microsoft.ML.PrefixTuning;

/// <content>Prefixes as files.</content>
public sealed partial class Prefix
{
    /// <summary>Reads a prefix that <see cref="Save"/> wrote.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">The file is broken, or holds something else than a prefix.</exception>
    /// <exception cref="NotSupportedException">
    /// The file was written by a newer version, or is a Python pickle.
    /// </exception>
    public static Prefix Load(string path) => PrefixFile.Load(path);

    /// <summary>
    /// Writes the prefix as a safetensors file: float32 keys and values of each attention, and how they are meant. The
    /// name holds the old or the new file, whole, whenever the process stops.
    /// </summary>
    /// <param name="path">The file; replaced if it is there.</param>
    /// <exception cref="DirectoryNotFoundException">Its folder is missing.</exception>
    /// <exception cref="IOException">Writing failed; a former file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">
    /// The file cannot be written; a former file is untouched.
    /// </exception>
    public void Save(string path) => PrefixFile.Save(this, path);

    /// <summary>
    /// Reads an adapter folder of PEFT, Python's library: PREFIX_TUNING, or PROMPT_TUNING, whose embeddings are run
    /// through the base once and become keys and values. It keeps PEFT's conventions about positions and windows.
    /// </summary>
    /// <param name="folder">The folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <param name="baseModel">The base that the adapter was trained for.</param>
    /// <exception cref="FormatException">A file is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">
    /// The adapter is of another kind, or there is only a Python pickle.
    /// </exception>
    /// <exception cref="InvalidOperationException">The adapter was made for another base.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static Prefix FromPeft(string folder, BaseModel baseModel)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(baseModel);
        NativeLibrary.Require();
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, TorchSharp.torch.float32, TorchSharp.torch.CPU);
        return PeftAdapter.Import(folder, lease.Base.Model).MadeFor(lease.Base.Identity, rules: null);
    }

    /// <summary>
    /// Writes the prefix as an adapter folder that PEFT loads with the same logits. Its two files are replaced when
    /// both are written: a save that fails in writing leaves the former ones, and only a stop of the process or the
    /// machine between the two renames leaves the weights new and the config old.
    /// </summary>
    /// <param name="folder">The folder; made where it is missing.</param>
    /// <param name="baseModel">The base that the prefix was trained for.</param>
    /// <param name="baseModelName">
    /// What <c>base_model_name_or_path</c> says, such as a model's name on a hub; null leaves it open.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// The prefix was made for another base, or PEFT would read it with other conventions or its rows as other tokens;
    /// the message says what would be lost.
    /// </exception>
    /// <exception cref="IOException">Writing failed; the former files are untouched.</exception>
    public void SaveAsPeft(string folder, BaseModel baseModel, string? baseModelName = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(baseModel);
        NativeLibrary.Require();
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, TorchSharp.torch.float32, TorchSharp.torch.CPU);
        lease.Base.Check(this);
        PrefixRules.CheckLatest(lease.Base, this);
        PeftAdapter.Export(this, folder, lease.Base.Model.Spec, baseModelName);
    }

    /// <summary>The bytes of the file that <see cref="Save"/> writes.</summary>
    internal byte[] ToBytes() => PrefixFile.ToBytes(this);

    /// <summary>Reads the bytes of <see cref="ToBytes"/>.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">Where they come from, for messages.</param>
    /// <inheritdoc cref="Load"/>
    internal static Prefix FromBytes(ReadOnlySpan<byte> bytes, string name) => PrefixFile.FromBytes(bytes, name);
}
