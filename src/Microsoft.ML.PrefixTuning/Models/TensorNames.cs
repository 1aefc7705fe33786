using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Where a family's weights lie in a checkpoint. A layer's names are relative to its block; <c>{layer}</c> in
/// <see cref="StackNames.Block"/> stands for its number. Linear maps are named without <c>.weight</c> and <c>.bias</c>.
/// </summary>
internal sealed record TensorNames
{
    /// <summary>
    /// The file that says which tensors there must be, for messages; null where it is the checkpoint itself.
    /// </summary>
    public string? AskedBy { get; init; }

    /// <summary>Prefixes that some checkpoints have and others lack, such as <c>transformer.</c>.</summary>
    public IReadOnlyList<string> Roots { get; init; } = [];

    /// <summary>[V, embedding width].</summary>
    public required string Embedding { get; init; }

    /// <summary>Further names under which a copy of the embedding may be stored.</summary>
    public IReadOnlyList<string> EmbeddingCopies { get; init; } = [];

    /// <summary>The output matrix, or where its copy may lie when it is tied.</summary>
    public string Head { get; init; } = "lm_head.weight";

    /// <summary>[V] or [1, V].</summary>
    public string? HeadBias { get; init; }

    /// <summary>Linear maps are stored [in, out] (GPT-2's Conv1D).</summary>
    public bool Transposed { get; init; }

    public required StackNames Decoder { get; init; }

    public StackNames? Encoder { get; init; }

    /// <summary>Ends of names that hold buffers without meaning for the result.</summary>
    public IReadOnlyList<string> Buffers { get; init; } = [];
}

/// <summary>Names of one stack.</summary>
internal sealed record StackNames
{
    public required string Block { get; init; }

    /// <summary>What stands before the names of a layer, from 0.</summary>
    public string PlaceOf(int layer) => Block.Replace("{layer}", $"{layer}", StringComparison.Ordinal);

    public required BlockNames Layer { get; init; }

    public string? FinalNorm { get; init; }

    public string? EmbeddingNorm { get; init; }

    public string? Positions { get; init; }

    public string? RelativeBias { get; init; }

    public string? ProjectIn { get; init; }

    public string? ProjectOut { get; init; }
}

/// <summary>Names of one layer, relative to its block.</summary>
internal sealed record BlockNames
{
    public required string AttentionNorm { get; init; }

    public required AttentionNames Attention { get; init; }

    public string? AttentionPostNorm { get; init; }

    public string? CrossNorm { get; init; }

    public AttentionNames? Cross { get; init; }

    public required string FeedForwardNorm { get; init; }

    public string? FeedForwardPostNorm { get; init; }

    public string? Gate { get; init; }

    public required string Up { get; init; }

    /// <summary>Gate and up lie in one matrix under the name of up, the gate first (Phi-3).</summary>
    public bool GateInUp { get; init; }

    public required string Down { get; init; }

    public bool FeedForwardBias { get; init; }
}

/// <summary>Names of one attention, relative to the block.</summary>
internal sealed record AttentionNames
{
    public string? Query { get; init; }

    public string? Key { get; init; }

    public string? Value { get; init; }

    public Fused? Fused { get; init; }

    public required string Output { get; init; }

    public string? QueryNorm { get; init; }

    public string? KeyNorm { get; init; }

    public bool InputBias { get; init; }

    public bool OutputBias { get; init; }
}

/// <summary>Queries, keys and values in one matrix.</summary>
internal sealed record Fused(string Name, FusedLayout Layout);

internal enum FusedLayout
{
    /// <summary>All queries, then all keys, then all values.</summary>
    Stacked,

    /// <summary>For each head its query, key and value rows (GPT-NeoX).</summary>
    PerHead,
}
