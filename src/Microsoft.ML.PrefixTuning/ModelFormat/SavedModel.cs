using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>What a saved transformer says about itself, as JSON (docs/model-file.md).</summary>
internal sealed record SavedModel
{
    public required string OutputColumn { get; init; }

    public required string InputColumn { get; init; }

    /// <summary>Column that picks a row's prefix; null where there is none.</summary>
    public string? AttributeColumn { get; init; }

    public string? Template { get; init; }

    public required ModelPrecision Precision { get; init; }

    [JsonConverter(typeof(SavedGenerationConverter))]
    public required GenerationOptions Generation { get; init; }

    public required SavedBase Base { get; init; }

    /// <summary>
    /// Bytes of the stream of the prefix of all rows, or of those whose attribute has none; null where there is none.
    /// </summary>
    public long? PrefixBytes { get; init; }

    /// <summary>The prefixes of attribute values, one stream each; null without an attribute column.</summary>
    public IReadOnlyList<SavedAttribute>? AttributePrefixes { get; init; }

    public TrainingSummary? Training { get; init; }

    /// <summary>The options as they were.</summary>
    public TextSettings Settings() =>
        new(OutputColumn, InputColumn, Template, Generation, Precision, Base.Files is not null)
        {
            AttributeColumn = AttributeColumn,
        };

    private TextGenerationOptions Options() =>
        new() { Generation = Generation, Template = Template, Precision = Precision };

    /// <summary>As UTF-8.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, SavedOptions.Json);

    /// <summary>From UTF-8.</summary>
    /// <param name="json">The bytes.</param>
    /// <param name="place">The entry, for messages.</param>
    /// <exception cref="FormatException">They are not what <see cref="ToBytes"/> writes.</exception>
    public static SavedModel FromBytes(ReadOnlySpan<byte> json, string place)
    {
        try
        {
            SavedModel saved = JsonSerializer.Deserialize<SavedModel>(json, SavedOptions.Json)
                ?? throw new JsonException("found null");
            Faults.Throw(saved.Options().Check);
            SavedModelCheck.Check(saved);
            return saved;
        }
        catch (Exception fault)
            when (fault is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new FormatException(
                $"{place}: expected the description of a saved transformer, found something else: {fault.Message}",
                fault);
        }
    }
}

/// <summary>The base of a saved transformer.</summary>
internal sealed record SavedBase
{
    /// <summary>Folder or file name under which the base was known, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>Where it was when the model was saved.</summary>
    public required string Path { get; init; }

    public required BaseFingerprint Fingerprint { get; init; }

    /// <summary>The base's files, where the model carries them; stream i of the entry holds file i.</summary>
    public IReadOnlyList<SavedFile>? Files { get; init; }
}

/// <summary>The prefix of an attribute value.</summary>
/// <param name="Value">The value.</param>
/// <param name="Bytes">Size of its stream.</param>
internal sealed record SavedAttribute(string Value, long Bytes);

/// <summary>A file that a saved model carries.</summary>
/// <param name="Name">Plain file name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Hash">SHA-256, hexadecimal.</param>
internal sealed record SavedFile(string Name, long Bytes, string Hash);
