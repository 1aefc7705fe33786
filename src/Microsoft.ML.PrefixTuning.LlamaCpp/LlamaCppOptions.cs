using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>How llama.cpp runs a base.</summary>
public sealed record LlamaCppOptions
{
    /// <summary>
    /// Layers that a graphics device computes, from the last one on, where the application's backend package is one for
    /// such a device.
    /// </summary>
    /// <value>The default is <see langword="null"/>: all of them.</value>
    public int? GpuLayers { get; init; }

    /// <summary>Type of the keys and values that are kept, those of prefixes included.</summary>
    /// <value>The default is <see cref="LlamaCppCache.Float16"/>.</value>
    public LlamaCppCache Cache { get; init; } = LlamaCppCache.Float16;

    /// <summary>
    /// The base for which the prefixes were made, where it is at hand. With it the tokenizer of the GGUF file is
    /// compared with that base's, token by token; its weights are not read.
    /// </summary>
    /// <value>The default is <see langword="null"/>: vocabularies are compared by their size, and <see cref="Note"/> is
    /// told so, unless a prefix says that it was made for this very file.</value>
    public BaseModel? MadeFor { get; init; }

    /// <summary>
    /// Told, a line each, in what the base that a prefix was made for differs from the file without being another
    /// model: other weights above all, as quantising makes them.
    /// </summary>
    /// <value>The default is <see langword="null"/>: nobody is told.</value>
    public Action<string>? Note { get; init; }

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        if (GpuLayers is { } layers)
            faults.AtLeast(0, layers, nameof(GpuLayers));
        faults.Known(Cache, nameof(Cache));
    }
}

/// <summary>Types of the keys and values that llama.cpp keeps.</summary>
public enum LlamaCppCache
{
    /// <summary>16 bits a number, up to 65,504.</summary>
    Float16,

    /// <summary>32 bits a number; of prefixes up to 1e20, since products with them must be numbers, too.</summary>
    Float32,
}
