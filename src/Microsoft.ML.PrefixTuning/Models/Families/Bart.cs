using System;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// BART: encoder and decoder that norm last, learned positions from row 2, a norm behind the embeddings.
/// </summary>
internal class Bart : Family
{
    private const int PositionOffset = 2;

    public override string ModelType => "bart";

    public override TransformerSpec Describe(ModelConfig config)
    {
        int vocabulary = config.Count("vocab_size"), width = config.Count("d_model");
        int context = config.Count("max_position_embeddings", 1024);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = width,
            EmbeddingScale = config.Flag("scale_embedding", false) ? Math.Sqrt(width) : 1,
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", true), Bias: true),
            Decoder = Stack(config, "decoder", context) with { CrossAttention = true },
            Encoder = Stack(config, "encoder", context),
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => new()
    {
        Roots = ["model."],
        Embedding = "shared.weight",
        EmbeddingCopies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"],
        HeadBias = "final_logits_bias",
        Decoder = Stack("decoder", cross: true),
        Encoder = Stack("encoder", cross: false),
    };

    private static StackSpec Stack(ModelConfig config, string stack, int context) => new()
    {
        Layers = config.LayerCount($"{stack}_layers"),
        Heads = config.Heads($"{stack}_attention_heads", "d_model"),
        Norm = new NormSpec(NormKind.Layer, 1e-5),
        Residual = Residual.NormLast,
        FinalNorm = false,
        EmbeddingNorm = true,
        FeedForward =
            new FeedForwardSpec(config.Activation("activation_function", "gelu"), config.Count($"{stack}_ffn_dim"),
            Gated: false),
        Positions = new LearnedPositions(context, PositionOffset),
    };

    private static StackNames Stack(string stack, bool cross) => new()
    {
        Positions = $"{stack}.embed_positions.weight",
        EmbeddingNorm = $"{stack}.layernorm_embedding",
        Block = $"{stack}.layers.{{layer}}.",
        Layer = new BlockNames
        {
            AttentionNorm = "self_attn_layer_norm",
            Attention = Projections.OfBart("self_attn", bias: true),
            CrossNorm = cross ? "encoder_attn_layer_norm" : null,
            Cross = cross ? Projections.OfBart("encoder_attn", bias: true) : null,
            FeedForwardNorm = "final_layer_norm",
            Up = "fc1",
            Down = "fc2",
            FeedForwardBias = true,
        },
    };
}
