using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat.Former;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>What a saved transformer says about itself, as JSON (docs/model-file.md).</summary>
internal sealed record SavedModel
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters =
        {
            new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false),
            new BaseIdentityJson(),
        },
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
    };

    public required string OutputColumn { get; init; }

    public required string InputColumn { get; init; }

    /// <summary>Column that picks a row's prefix; null where there is none.</summary>
    public string? AttributeColumn { get; init; }

    public string? Template { get; init; }

    public required ModelPrecision Precision { get; init; }

    public required SavedGeneration Generation { get; init; }

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
        new(OutputColumn, InputColumn, Template, Generation.Options(), Precision,
            Base.Files is not null)
        { AttributeColumn = AttributeColumn };

    /// <summary>As UTF-8.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    /// <summary>From UTF-8.</summary>
    /// <param name="json">The bytes.</param>
    /// <param name="place">The entry, for messages.</param>
    /// <exception cref="FormatException">They are not what <see cref="ToBytes"/> writes.</exception>
    public static SavedModel FromBytes(ReadOnlySpan<byte> json, string place)
    {
        try
        {
            SavedModel saved = Read(json) ?? throw new JsonException("found null");
            OptionsCheck.Check(new TextGenerationOptions
            {
                Generation = saved.Generation.Options(),
                Template = saved.Template,
                Precision = saved.Precision
            });
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

    private static SavedModel? Read(ReadOnlySpan<byte> json)
    {
        var element = JsonSerializer.Deserialize<JsonElement>(json, Json);
        return FormerDescription.Read(element) ?? element.Deserialize<SavedModel>(Json);
    }
}

/// <summary>The prefix of an attribute value.</summary>
/// <param name="Value">The value.</param>
/// <param name="Bytes">Size of its stream.</param>
internal sealed record SavedAttribute(string Value, long Bytes);

/// <summary><see cref="GenerationOptions"/> as plain values.</summary>
internal sealed record SavedGeneration
{
    public required string Decoding { get; init; }

    public int Width { get; init; }

    public double LengthPenalty { get; init; }

    public bool EarlyStopping { get; init; }

    public double Temperature { get; init; }

    public int TopK { get; init; }

    public double TopP { get; init; }

    public int Seed { get; init; }

    public int? MaxNewTokens { get; init; }

    public int? MinNewTokens { get; init; }

    public required int NoRepeatNGramSize { get; init; }

    public required double RepetitionPenalty { get; init; }

    public required IReadOnlyList<string> BannedWords { get; init; }

    public required IReadOnlyList<string> StopStrings { get; init; }

    public required int SequenceCount { get; init; }

    public required int BatchSize { get; init; }

    public required int LookAhead { get; init; }

    // Models of earlier versions have none.
    public int RememberedTexts { get; init; } = new GenerationOptions().RememberedTexts;

    public required PromptTruncation Truncation { get; init; }

    public string? ErrorColumnName { get; init; }

    public static SavedGeneration Of(GenerationOptions options)
    {
        var saved = new SavedGeneration
        {
            Decoding = "greedy",
            MaxNewTokens = options.MaxNewTokens,
            MinNewTokens = options.MinNewTokens,
            NoRepeatNGramSize = options.NoRepeatNGramSize,
            RepetitionPenalty = options.RepetitionPenalty,
            BannedWords = options.BannedWords,
            StopStrings = options.StopStrings,
            SequenceCount = options.SequenceCount,
            BatchSize = options.BatchSize,
            LookAhead = options.LookAhead,
            RememberedTexts = options.RememberedTexts,
            Truncation = options.Truncation,
            ErrorColumnName = options.ErrorColumnName,
        };
        return options.Decoding switch
        {
            BeamDecoding beam => saved with
            {
                Decoding = "beam",
                Width = beam.Width,
                LengthPenalty = beam.LengthPenalty,
                EarlyStopping = beam.EarlyStopping,
            },
            SamplingDecoding sampling => saved with
            {
                Decoding = "sampling",
                Temperature = sampling.Temperature,
                TopK = sampling.TopK,
                TopP = sampling.TopP,
                Seed = sampling.Seed,
            },
            _ => saved,
        };
    }

    public GenerationOptions Options() => new()
    {
        Decoding = Decoding switch
        {
            "greedy" => PrefixTuning.Decoding.Greedy,
            "beam" => PrefixTuning.Decoding.Beam(Width, LengthPenalty, EarlyStopping),
            "sampling" => PrefixTuning.Decoding.Sampling(Temperature, TopK, TopP, Seed),
            _ => throw new JsonException($"decoding: expected greedy, beam or sampling, found '{Decoding}'"),
        },
        MaxNewTokens = MaxNewTokens,
        MinNewTokens = MinNewTokens,
        NoRepeatNGramSize = NoRepeatNGramSize,
        RepetitionPenalty = RepetitionPenalty,
        BannedWords = BannedWords,
        StopStrings = StopStrings,
        SequenceCount = SequenceCount,
        BatchSize = BatchSize,
        LookAhead = LookAhead,
        RememberedTexts = RememberedTexts,
        Truncation = Truncation,
        ErrorColumnName = ErrorColumnName,
    };
}
