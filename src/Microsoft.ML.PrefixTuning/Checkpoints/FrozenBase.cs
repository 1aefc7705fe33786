using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// A frozen model read from a checkpoint folder or a GGUF file, with its identity. Owns the model. Users share one through
/// <see cref="Acquire"/>.
/// </summary>
internal sealed class FrozenBase : IDisposable
{
    private FrozenBase(string path, LanguageModel model, BaseFingerprint fingerprint) =>
        (Path, Model, Fingerprint) = (path, model, fingerprint);

    /// <summary>Folder or GGUF file, absolute.</summary>
    public string Path { get; }

    public LanguageModel Model { get; }

    /// <summary>Which model this is, wherever its files lie.</summary>
    public BaseFingerprint Fingerprint { get; }

    /// <summary>Names of tensors that the files hold and the model does not use: known buffers and empty ones.</summary>
    public IReadOnlyList<string> IgnoredTensors => Model.Weights.Ignored;

    /// <summary>Takes a share of a base; the first one loads it, the last one to be disposed frees it.</summary>
    /// <param name="path">A folder with config.json, safetensors and tokenizer files, or a GGUF file.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="device">Where its weights go.</param>
    /// <exception cref="FormatException">A file is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">A file is well-formed but not of a kind that is read here.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static BaseLease Acquire(string path, ScalarType type, Device device) => BasePool.Shared.Acquire(path, type, device);

    /// <summary>Reads a base that is shared with nobody.</summary>
    /// <inheritdoc cref="Acquire"/>
    public static FrozenBase Load(string path, ScalarType type, Device device)
    {
        // Weights outlive whatever scope the caller has open, and gradients never reach them.
        using var noGradient = no_grad();
        path = System.IO.Path.GetFullPath(path);
        return File.Exists(path) ? LoadGguf(path, type, device) : LoadFolder(path, type, device);
    }

    public void Dispose() => Model.Dispose();

    private static FrozenBase LoadFolder(string folder, ScalarType type, Device device)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"Base model '{folder}': expected a folder (config.json, model.safetensors, tokenizer files) or a .gguf file, found nothing.");
        ModelConfig config = ModelConfig.Read(System.IO.Path.Combine(folder, "config.json"));
        Family family = Family.Of(config);
        TransformerSpec spec = WithGenerationConfig(family.Describe(config), folder);
        using ITensorSource source = CheckpointFolder.Open(folder);
        return Bind(folder, spec, family.Names(spec, config) with { AskedBy = config.File }, source, type, device);
    }

    private static FrozenBase LoadGguf(string path, ScalarType type, Device device)
    {
        using GgufModel gguf = GgufModel.Open(path);
        return Bind(path, gguf.Spec, gguf.Names, gguf, type, device);
    }

    private static FrozenBase Bind(string path, TransformerSpec spec, TensorNames names, ITensorSource source,
        ScalarType type, Device device)
    {
        ModelWeights weights = WeightBinder.Bind(spec, names, source, type, device);
        return new FrozenBase(path, new LanguageModel(spec, weights), BaseFingerprint.Of(spec, source));
    }

    /// <summary>The ids of generation_config.json go before those of config.json, as in the reference.</summary>
    private static TransformerSpec WithGenerationConfig(TransformerSpec spec, string folder)
    {
        string path = System.IO.Path.Combine(folder, "generation_config.json");
        if (!File.Exists(path))
            return spec;
        ModelConfig config = ModelConfig.Read(path);
        TokenIds own = config.Tokens(spec.VocabularySize);
        return spec with
        {
            Tokens = spec.Tokens with
            {
                Begin = own.Begin ?? spec.Tokens.Begin,
                Ends = own.Ends.Count > 0 ? own.Ends : spec.Tokens.Ends,
                Padding = own.Padding ?? spec.Tokens.Padding,
                DecoderStart = own.DecoderStart ?? spec.Tokens.DecoderStart,
            },
        };
    }
}
