using System;
using System.Collections.Generic;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.ModelFormat.Former;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Text;

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

    /// <summary>Type of products of a base as stored; null elsewhere.</summary>
    public ModelPrecision? Products { get; init; }

    public required GenerationOptions Generation { get; init; }

    public required SavedBase Base { get; init; }

    /// <summary>
    /// Bytes of the stream of the prefix of all rows, or of those whose attribute has none; null where there is none.
    /// </summary>
    public long? PrefixBytes { get; init; }

    /// <summary>The prefixes of attribute values, one stream each; null without an attribute column.</summary>
    public IReadOnlyList<SavedAttribute>? AttributePrefixes { get; init; }

    public TrainingSummary? Training { get; init; }

    /// <summary>
    /// By which rules texts become tokens and end; null in models of 0x00010001, which hold to the first ones.
    /// </summary>
    public TextRules? TextRules { get; init; }

    /// <summary>The options as they were.</summary>
    public TextSettings Settings() =>
        new(OutputColumn, InputColumn, Template, Generation, Precision, Base.Files is not null)
        {
            AttributeColumn = AttributeColumn,
            Products = Products,
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
            SavedModel saved = Read(json) ?? throw new JsonException("found null");
            Faults.Throw(saved.Options().Check);
            SavedModelCheck.Check(saved);
            return saved;
        }
        catch (Exception fault)
            when (fault is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new FormatException(
                $"{place}: expected the description of a saved transformer, found something else: "
                    + JsonFault.Text(fault), fault);
        }
    }

    private static SavedModel? Read(ReadOnlySpan<byte> json)
    {
        var element = JsonSerializer.Deserialize<JsonElement>(json, SavedOptions.Json);
        return FormerDescription.Read(element) ?? element.Deserialize<SavedModel>(SavedOptions.Json);
    }
}

/// <summary>The prefix of an attribute value.</summary>
/// <param name="Value">The value.</param>
/// <param name="Bytes">Size of its stream.</param>
internal sealed record SavedAttribute(string Value, long Bytes);
