using System.Collections.Generic;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.ModelFormat.Former;

/// <summary><see cref="GenerationOptions"/> in <see cref="FormerDescription"/>, as plain values.</summary>
internal sealed record FormerGeneration
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

    public required PromptTruncation Truncation { get; init; }

    public string? ErrorColumnName { get; init; }

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
        Truncation = Truncation,
        ErrorColumnName = ErrorColumnName,
    };
}
