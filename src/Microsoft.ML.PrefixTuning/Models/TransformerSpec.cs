using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The resolved, immutable description of a transformer: what its config says, as parts. A model family is data of this
/// kind and a table of tensor names; the graph reads nothing else.
/// </summary>
internal sealed record TransformerSpec
{
    /// <summary>The family's <c>model_type</c>, such as <c>llama</c>.</summary>
    public required string Family { get; init; }

    /// <summary>V: rows of the embedding, which may be more than the tokenizer has tokens.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>E: width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>
    /// Width of the token embeddings; unlike <see cref="Width"/> only where they are projected (OPT-350m).
    /// </summary>
    public required int EmbeddingWidth { get; init; }

    /// <summary>What token embeddings are multiplied with.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>
    /// Positions the model was made for, in tokens; <see cref="int.MaxValue"/> where nothing bounds them.
    /// </summary>
    public required int ContextLength { get; init; }

    /// <summary>The stack that predicts.</summary>
    public required StackSpec Decoder { get; init; }

    /// <summary>The stack that reads the source; null for decoder-only models.</summary>
    public StackSpec? Encoder { get; init; }

    /// <summary>From hidden states to logits.</summary>
    public required OutputHead Head { get; init; }

    /// <summary>The ids that steer text: begin, ends, padding, decoder start.</summary>
    public required TokenIds Tokens { get; init; }

    /// <summary>What the model says of the texts it writes; nothing for decoder-only models.</summary>
    public OutputRules Output { get; init; } = new();

    /// <summary>Whether a source is read by a stack of its own.</summary>
    public bool IsEncoderDecoder => Encoder is not null;

    /// <summary>The stack in which a site's attention lies.</summary>
    public StackSpec StackOf(AttentionSite site) =>
        site == AttentionSite.Encoder ? Encoder! : Decoder;

    /// <summary>The first token of an encoder-decoder model's output.</summary>
    /// <exception cref="InvalidOperationException">The model names none.</exception>
    public int DecoderStart() => Tokens.DecoderStart ?? throw new InvalidOperationException(
        $"The base ({Family}) names no decoder start token (decoder_start_token_id): expected one, so that texts can"
            + " begin.");
}

/// <summary>One stack of equal layers.</summary>
internal sealed record StackSpec
{
    public required int Layers { get; init; }

    public required HeadShape Heads { get; init; }

    public required NormSpec Norm { get; init; }

    public required Residual Residual { get; init; }

    public required FeedForwardSpec FeedForward { get; init; }

    public required Positions Positions { get; init; }

    /// <summary>What scores are multiplied with; null means one over the square root of the head size.</summary>
    public double? ScoreScale { get; init; }

    /// <summary>Scores are capped softly at this, before the mask; null for no cap (Gemma 2).</summary>
    public double? ScoreCap { get; init; }

    /// <summary>What the halves of a block are multiplied with before they are added (Granite).</summary>
    public double ResidualScale { get; init; } = 1;

    /// <summary>Whether queries and keys are normed before rotation.</summary>
    public QueryKeyNorm QueryKeyNorm { get; init; }

    /// <summary>A norm behind the last layer.</summary>
    public bool FinalNorm { get; init; } = true;

    /// <summary>A norm behind the embeddings (BART).</summary>
    public bool EmbeddingNorm { get; init; }

    /// <summary>Layers look at an encoder too.</summary>
    public bool CrossAttention { get; init; }

    /// <summary>
    /// The window of each layer in tokens; null for a layer that sees everything. Empty: no layer has one.
    /// </summary>
    public IReadOnlyList<int?> Windows { get; init; } = [];

    /// <summary>The window of a layer, or null.</summary>
    public int? Window(int layer) => Windows.Count == 0 ? null : Windows[layer];
}

/// <summary>H query heads share G key/value heads of size D.</summary>
internal sealed record HeadShape(int Count, int KeyValueCount, int Size)
{
    /// <summary>R: query heads per key/value head.</summary>
    public int Group => Count / KeyValueCount;
}

internal enum NormKind
{
    /// <summary>Mean and variance, weight and bias.</summary>
    Layer,

    /// <summary>Root mean square, weight only.</summary>
    RootMeanSquare,

    /// <summary>Root mean square; the checkpoint stores weight - 1 (Gemma).</summary>
    RootMeanSquareOfOnePlus,
}

internal sealed record NormSpec(NormKind Kind, double Epsilon);

/// <summary>Where norms stand and how a block's two halves are added.</summary>
internal enum Residual
{
    /// <summary>x + attention(norm(x)), then x + feed-forward(norm(x)).</summary>
    NormFirst,

    /// <summary>norm(x + attention(x)), then norm(x + feed-forward(x)).</summary>
    NormLast,

    /// <summary>x + attention(norm1(x)) + feed-forward(norm2(x)).</summary>
    Parallel,

    /// <summary>x + norm(attention(norm(x))), then x + norm(feed-forward(norm(x))).</summary>
    NormBothSides,

    /// <summary>x + norm(attention(x)), then x + norm(feed-forward(x)) (OLMo 2).</summary>
    NormBehind,
}

/// <summary>What of queries and keys is normed.</summary>
internal enum QueryKeyNorm
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Every head's by itself, with one weight for all.</summary>
    EachHead,

    /// <summary>All heads of a token as one vector (OLMo 2).</summary>
    AllHeads,
}

internal enum Activation
{
    Silu,
    Relu,
    Gelu,
    GeluTanh,
}

/// <summary>down(activation(up(x))), or down(activation(gate(x)) * up(x)) where gated.</summary>
internal sealed record FeedForwardSpec(Activation Activation, int Inner, bool Gated);

/// <summary>
/// The output matrix: the embedding or one of its own, a bias, a factor before it (T5), a soft cap of the logits behind
/// it (Gemma 2).
/// </summary>
internal sealed record OutputHead(bool Tied, bool Bias = false, double Scale = 1, double? Cap = null);

/// <summary>What an encoder-decoder model says of the texts it writes (generation_config.json).</summary>
internal sealed record OutputRules
{
    /// <summary>The first token of every text (<c>forced_bos_token_id</c>).</summary>
    public int? FirstId { get; init; }

    /// <summary>The last token of a text that reaches its greatest length (<c>forced_eos_token_id</c>).</summary>
    public int? LastId { get; init; }

    /// <summary>New tokens before an end token may come.</summary>
    public int? LeastTokens { get; init; }

    /// <summary>New tokens at most.</summary>
    public int? MostTokens { get; init; }
}

/// <summary>The ids that steer text.</summary>
internal sealed record TokenIds
{
    public int? Begin { get; init; }

    /// <summary>Ids that end a text; the first one is put behind targets.</summary>
    public IReadOnlyList<int> Ends { get; init; } = [];

    public int? Padding { get; init; }

    /// <summary>First token of an encoder-decoder model's output.</summary>
    public int? DecoderStart { get; init; }
}
