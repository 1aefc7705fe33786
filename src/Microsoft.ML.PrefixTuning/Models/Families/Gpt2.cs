namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>GPT-2: learned positions, norm first, one fused transposed matrix, tied head.</summary>
internal sealed class Gpt2 : Family
{
    public override string ModelType => "gpt2";

    public override TransformerSpec Describe(ModelConfig config)
    {
        config.Only("scale_attn_weights", "true");
        config.Only("scale_attn_by_inverse_layer_idx", "false");
        config.Only("add_cross_attention", "false");
        int vocabulary = config.Count("vocab_size"), width = config.Count("n_embd"),
            context = config.Count("n_positions", 1024);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = width,
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", true)),
            Decoder = new StackSpec
            {
                Layers = config.LayerCount("n_layer"),
                Heads = config.Heads("n_head", "n_embd"),
                Norm = new NormSpec(NormKind.Layer, config.Positive("layer_norm_epsilon", 1e-5)),
                Residual = Residual.NormFirst,
                FeedForward = new FeedForwardSpec(config.Activation("activation_function", "gelu_new"),
                    config.Count("n_inner", 4 * width), Gated: false),
                Positions = new LearnedPositions(context),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => new()
    {
        Roots = ["transformer."],
        Embedding = "wte.weight",
        Transposed = true,
        Buffers = [".attn.bias", ".attn.masked_bias"],
        Decoder = new StackNames
        {
            Positions = "wpe.weight",
            Block = "h.{layer}.",
            FinalNorm = "ln_f",
            Layer = new BlockNames
            {
                AttentionNorm = "ln_1",
                Attention = new AttentionNames
                {
                    Fused = new Fused("attn.c_attn", FusedLayout.Stacked),
                    Output = "attn.c_proj",
                    InputBias = true,
                    OutputBias = true,
                },
                FeedForwardNorm = "ln_2",
                Up = "mlp.c_fc",
                Down = "mlp.c_proj",
                FeedForwardBias = true,
            },
        },
    };
}
