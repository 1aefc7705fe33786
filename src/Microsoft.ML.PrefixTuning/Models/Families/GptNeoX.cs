namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// GPT-NeoX and Pythia: partly rotated heads, parallel or sequential residual, a matrix fused per head.
/// </summary>
internal sealed class GptNeoX : Family
{
    private static readonly RopeKeys s_rotation =
        new() { Base = "rotary_emb_base", Fraction = "rotary_pct", DefaultFraction = 0.25 };

    public override string ModelType => "gpt_neox";

    public override TransformerSpec Describe(ModelConfig config)
    {
        int vocabulary = config.Count("vocab_size"), width = config.Count("hidden_size");
        int context = config.Count("max_position_embeddings", 2048);
        HeadShape heads = config.Heads("num_attention_heads", "hidden_size");
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = width,
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", false)),
            Decoder = new StackSpec
            {
                Layers = config.LayerCount("num_hidden_layers"),
                Heads = heads,
                Norm = new NormSpec(NormKind.Layer, config.Positive("layer_norm_eps", 1e-5)),
                Residual = config.Flag("use_parallel_residual", true) ? Residual.Parallel : Residual.NormFirst,
                FeedForward = new FeedForwardSpec(config.Activation("hidden_act", "gelu"),
                    config.Count("intermediate_size"), Gated: false),
                Positions = new RotaryPositions(config.Rotary(heads.Size, context, s_rotation)),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => new()
    {
        Roots = ["gpt_neox."],
        Embedding = "embed_in.weight",
        Head = "embed_out.weight",
        Buffers = [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"],
        Decoder = new StackNames
        {
            Block = "layers.{layer}.",
            FinalNorm = "final_layer_norm",
            Layer = new BlockNames
            {
                AttentionNorm = "input_layernorm",
                Attention = new AttentionNames
                {
                    Fused = new Fused("attention.query_key_value", FusedLayout.PerHead),
                    Output = "attention.dense",
                    InputBias = config.Flag("attention_bias", true),
                    OutputBias = config.Flag("attention_bias", true),
                },
                FeedForwardNorm = "post_attention_layernorm",
                Up = "mlp.dense_h_to_4h",
                Down = "mlp.dense_4h_to_h",
                FeedForwardBias = true,
            },
        },
    };
}
