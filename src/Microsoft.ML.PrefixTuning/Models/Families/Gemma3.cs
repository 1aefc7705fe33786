using System;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// Gemma 3, text: windowed and full layers with a rotation each, four norms a layer, scaled embedding.
/// </summary>
internal sealed class Gemma3 : Family
{
    private static readonly RopeKeys s_full = new() { DefaultBase = 1_000_000, LayerType = "full_attention" };

    // The older form scales full layers only.
    private static readonly RopeKeys s_windowed =
        new() { Base = "rope_local_base_freq", Scaling = null, LayerType = "sliding_attention" };

    public override string ModelType => "gemma3_text";

    public override TransformerSpec Describe(ModelConfig config)
    {
        config.Only("attn_logit_softcapping");
        config.Only("final_logit_softcapping");
        config.Only("use_bidirectional_attention", "false");
        int vocabulary = config.Count("vocab_size"), width = config.Count("hidden_size");
        int context = config.Count("max_position_embeddings", 131072), layers = config.LayerCount("num_hidden_layers");
        HeadShape heads = config.GroupedHeads(keyValueHeads: 4, headSize: 256);
        int pattern = config.Count(config.Has("sliding_window_pattern") ? "sliding_window_pattern"
            : "_sliding_window_pattern", 6);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = width,
            EmbeddingScale = Math.Sqrt(width),
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", true)),
            Decoder = new StackSpec
            {
                Layers = layers,
                Heads = heads,
                Norm = new NormSpec(NormKind.RootMeanSquareOfOnePlus, config.Positive("rms_norm_eps", 1e-6)),
                Residual = Residual.NormBothSides,
                QueryKeyNorm = QueryKeyNorm.EachHead,
                ScoreScale = 1 / Math.Sqrt(config.Positive("query_pre_attn_scalar", 256)),
                FeedForward = new FeedForwardSpec(config.Activation("hidden_activation", "gelu_pytorch_tanh"),
                    config.Count("intermediate_size"), Gated: true),
                Windows = config.Windows(layers, layer => (layer + 1) % pattern != 0),
                Positions = new RotaryPositions(config.Rotary(heads.Size, context, s_full),
                    config.Rotary(heads.Size, context, s_windowed)),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("attention_bias", false);
        return WithFourNorms(Llama.Names(bias, bias, false, headNorms: true));
    }

    /// <summary>The names of Gemma's norms.</summary>
    internal static TensorNames WithFourNorms(TensorNames llama) => llama with
    {
        Decoder = llama.Decoder with
        {
            Layer = llama.Decoder.Layer with
            {
                AttentionPostNorm = "post_attention_layernorm",
                FeedForwardNorm = "pre_feedforward_layernorm",
                FeedForwardPostNorm = "post_feedforward_layernorm",
            },
        },
    };
}
