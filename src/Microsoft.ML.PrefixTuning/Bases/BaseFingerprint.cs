using System;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// The identity of a base: what its config means and what its tensors hold, not where its files lie. A prefix fits only
/// the base it was made for.
/// </summary>
/// <param name="Family">Model family.</param>
/// <param name="Layers">Decoder layers.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="VocabularySize">Rows of the embedding.</param>
/// <param name="ConfigHash">SHA-256 over the resolved description, hexadecimal.</param>
/// <param name="ContentHash">SHA-256 over names, shapes, types and bytes of all tensors, hexadecimal.</param>
internal sealed record BaseFingerprint(string Family, int Layers, int Width, int VocabularySize, string ConfigHash,
    string ContentHash)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        Converters = { new ByItsOwnType<Positions>(), new ByItsOwnType<RotaryScaling>() },
    };

    /// <summary>The fingerprint of a model read from a source.</summary>
    public static BaseFingerprint Of(TransformerSpec spec, ITensorSource source)
    {
        // Ids and lengths steer the text, not the mathematics: an application may correct them.
        byte[] text =
            JsonSerializer.SerializeToUtf8Bytes(spec with { Tokens = new TokenIds(), Output = new OutputRules() },
            Options);
        return new BaseFingerprint(spec.Family, spec.Decoder.Layers, spec.Width, spec.VocabularySize,
            Convert.ToHexStringLower(SHA256.HashData(text)), source.ContentHash());
    }

    /// <summary>The first field in which two fingerprints differ, as text, or null where they are equal.</summary>
    public string? Difference(BaseFingerprint found)
    {
        if (Family != found.Family)
            return $"model_type: expected {Family}, found {found.Family}";
        if (Layers != found.Layers)
            return $"layers: expected {Layers}, found {found.Layers}";
        if (Width != found.Width)
            return $"width: expected {Width}, found {found.Width}";
        if (VocabularySize != found.VocabularySize)
            return $"vocabulary: expected {VocabularySize}, found {found.VocabularySize}";
        if (ConfigHash != found.ConfigHash)
            return $"config: expected hash {ConfigHash}, found {found.ConfigHash}";
        return ContentHash == found.ContentHash ? null
            : $"weights: expected hash {ContentHash}, found {found.ContentHash}";
    }

    /// <summary>Writes an abstract record with the members of its own type and that type's name.</summary>
    private sealed class ByItsOwnType<T> : JsonConverter<T>
        where T : class
    {
        public override T Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            throw new NotSupportedException("Fingerprints are written only.");

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            writer.WriteString("kind", value.GetType().Name);
            writer.WritePropertyName("value");
            JsonSerializer.Serialize(writer, value, value.GetType(), options);
            writer.WriteEndObject();
        }
    }
}
