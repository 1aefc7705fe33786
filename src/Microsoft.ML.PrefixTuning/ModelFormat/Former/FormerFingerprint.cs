using System;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.ModelFormat.Former;

/// <summary>
/// Which base a model of format 0x00010001 needs. Frozen; new models hold a <see cref="BaseIdentity"/>.
/// </summary>
/// <param name="Family">Model family.</param>
/// <param name="Layers">Decoder layers.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="VocabularySize">Rows of the embedding.</param>
/// <param name="ConfigHash">SHA-256 over <see cref="FormerConfigText"/>, hexadecimal.</param>
/// <param name="ContentHash">SHA-256 over names, shapes, types and bytes of all tensors, hexadecimal.</param>
internal sealed record FormerFingerprint(string Family, int Layers, int Width, int VocabularySize, string ConfigHash,
    string ContentHash) : IBaseIdentity
{
    public string Weights => ContentHash;

    public string Summary => $"{Family}, {Layers} layers, width {Width}, vocabulary {VocabularySize}";

    public string? Difference(TransformerSpec spec, string weights)
    {
        if (Family != spec.Family)
            return $"family: expected {Family}, found {spec.Family}";
        if (Layers != spec.Decoder.Layers)
            return $"layers: expected {Layers}, found {spec.Decoder.Layers}";
        if (Width != spec.Width)
            return $"width: expected {Width}, found {spec.Width}";
        if (VocabularySize != spec.VocabularySize)
            return $"vocabulary: expected {VocabularySize}, found {spec.VocabularySize}";
        string config = Convert.ToHexStringLower(SHA256.HashData(FormerConfigText.Of(spec)));
        if (ConfigHash != config)
            return $"config: expected hash {ConfigHash}, found {config}";
        return ContentHash == weights ? null : $"weights: expected hash {ContentHash}, found {weights}";
    }
}
