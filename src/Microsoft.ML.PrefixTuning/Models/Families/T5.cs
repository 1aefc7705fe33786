using System;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// T5, T5 1.1 and Flan-T5: relative bias shared by a stack, unscaled scores, norm first without biases.
/// </summary>
internal sealed class T5 : Family
{
    public override string ModelType => "t5";

    public override TransformerSpec Describe(ModelConfig config)
    {
        int vocabulary = config.Count("vocab_size"), width = config.Count("d_model");
        bool tied = config.Flag("tie_word_embeddings", true);
        StackSpec decoder =
            Stack(config, config.Has("num_decoder_layers") ? "num_decoder_layers" : "num_layers", bidirectional: false);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = width,
            ContextLength = int.MaxValue,
            Tokens = config.Tokens(vocabulary),
            // Older configs have no scale_decoder_outputs: tied models scale.
            Head = new OutputHead(tied, Scale: config.Flag("scale_decoder_outputs", tied) ? 1 / Math.Sqrt(width) : 1),
            Decoder = decoder with { CrossAttention = true },
            Encoder = Stack(config, "num_layers", bidirectional: true),
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => new()
    {
        Embedding = "shared.weight",
        EmbeddingCopies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"],
        Buffers = ["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"],
        Decoder = Stack("decoder", spec.Decoder, feedForward: 2),
        Encoder = Stack("encoder", spec.Encoder!, feedForward: 1),
    };

    private static StackSpec Stack(ModelConfig config, string layers, bool bidirectional)
    {
        int heads = config.Count("num_heads");
        return new StackSpec
        {
            Layers = config.LayerCount(layers),
            Heads = new HeadShape(heads, heads, config.Count("d_kv")),
            Norm = new NormSpec(NormKind.RootMeanSquare, config.Positive("layer_norm_epsilon", 1e-6)),
            Residual = Residual.NormFirst,
            ScoreScale = 1,
            FeedForward = config.FeedForward("feed_forward_proj", "d_ff"),
            Positions = new RelativePositions(config.Count("relative_attention_num_buckets", 32),
                config.Count("relative_attention_max_distance", 128), bidirectional),
        };
    }

    private static StackNames Stack(string stack, StackSpec spec, int feedForward) => new()
    {
        Block = $"{stack}.block.{{layer}}.layer.",
        FinalNorm = $"{stack}.final_layer_norm",
        RelativeBias = $"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        Layer = new BlockNames
        {
            AttentionNorm = "0.layer_norm",
            Attention = Attention("0.SelfAttention"),
            CrossNorm = spec.CrossAttention ? "1.layer_norm" : null,
            Cross = spec.CrossAttention ? Attention("1.EncDecAttention") : null,
            FeedForwardNorm = $"{feedForward}.layer_norm",
            Gate = spec.FeedForward.Gated ? $"{feedForward}.DenseReluDense.wi_0" : null,
            Up = $"{feedForward}.DenseReluDense.{(spec.FeedForward.Gated ? "wi_1" : "wi")}",
            Down = $"{feedForward}.DenseReluDense.wo",
        },
    };

    private static AttentionNames Attention(string name) =>
        new() { Query = $"{name}.q", Key = $"{name}.k", Value = $"{name}.v", Output = $"{name}.o" };
}
