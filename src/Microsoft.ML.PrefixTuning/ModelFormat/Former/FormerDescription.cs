using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Bases;

namespace Microsoft.ML.PrefixTuning.ModelFormat.Former;

/// <summary>
/// The description of a saved transformer in format 0x00010001, read into the present one. Frozen; nothing writes it.
/// </summary>
internal sealed record FormerDescription
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
    };

    public required string OutputColumn { get; init; }

    public required string InputColumn { get; init; }

    public string? AttributeColumn { get; init; }

    public string? Template { get; init; }

    public required ModelPrecision Precision { get; init; }

    public required FormerGeneration Generation { get; init; }

    public required FormerBase Base { get; init; }

    public long? PrefixBytes { get; init; }

    public IReadOnlyList<SavedAttribute>? AttributePrefixes { get; init; }

    public TrainingSummary? Training { get; init; }

    /// <summary>Reads a description, or gives null for one that is not of this format.</summary>
    /// <exception cref="JsonException">It is of this format, and broken.</exception>
    public static SavedModel? Read(JsonElement json)
    {
        bool isFormer = json.ValueKind == JsonValueKind.Object && json.TryGetProperty("base", out JsonElement found)
            && found.ValueKind == JsonValueKind.Object
            && found.TryGetProperty("fingerprint", out _) && !found.TryGetProperty("identity", out _);
        return isFormer ? json.Deserialize<FormerDescription>(Json)!.Present() : null;
    }

    private SavedModel Present() => new()
    {
        OutputColumn = OutputColumn,
        InputColumn = InputColumn,
        AttributeColumn = AttributeColumn,
        Template = Template,
        Precision = Precision,
        Generation = Generation.Options(),
        Base = new SavedBase { Name = Base.Name, Path = Base.Path, Identity = Base.Fingerprint, Files = Base.Files },
        PrefixBytes = PrefixBytes,
        AttributePrefixes = AttributePrefixes,
        Training = Training,
    };
}

/// <summary>The base in <see cref="FormerDescription"/>.</summary>
internal sealed record FormerBase
{
    public required string Name { get; init; }

    public required string Path { get; init; }

    public required FormerFingerprint Fingerprint { get; init; }

    public IReadOnlyList<SavedFile>? Files { get; init; }
}
