namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Llama 1 to 3, SmolLM2: rotary positions, norm first, grouped heads, gated feed-forward.</summary>
internal class Llama : Family
{
    public override string ModelType => "llama";

    /// <summary>What counts where a config says nothing.</summary>
    protected virtual LlamaDefaults Defaults => new(Context: 2048);

    public override TransformerSpec Describe(ModelConfig config)
    {
        int vocabulary = config.Count("vocab_size"),
            context = config.Count("max_position_embeddings", Defaults.Context);
        HeadShape heads = config.GroupedHeads(Defaults.KeyValueHeads, Defaults.HeadSize);
        RotarySpec rotation = config.Rotary(heads.Size, context, Defaults.Rotation);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = config.Count("hidden_size"),
            EmbeddingWidth = config.Count("hidden_size"),
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", Defaults.Tied)),
            Decoder = new StackSpec
            {
                Layers = config.LayerCount("num_hidden_layers"),
                Heads = heads,
                Norm = new NormSpec(NormKind.RootMeanSquare, config.Positive("rms_norm_eps", Defaults.Epsilon)),
                Residual = Residual.NormFirst,
                FeedForward = new FeedForwardSpec(config.Activation(Defaults.ActivationKey, Defaults.Activation),
                    config.Count("intermediate_size"), Gated: true),
                Positions = new RotaryPositions(rotation),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) =>
        Names(inputBias: config.Flag("attention_bias", false), outputBias: config.Flag("attention_bias", false),
            feedForwardBias: config.Flag("mlp_bias", false));

    /// <summary>The names that Llama, Mistral, Qwen and Gemma share.</summary>
    internal static TensorNames Names(bool inputBias, bool outputBias, bool feedForwardBias, bool headNorms = false) =>
        new()
        {
            Roots = ["model."],
            Embedding = "embed_tokens.weight",
            Buffers = ["rotary_emb.inv_freq"],
            Decoder = new StackNames
            {
                Block = "layers.{layer}.",
                FinalNorm = "norm",
                Layer = new BlockNames
                {
                    AttentionNorm = "input_layernorm",
                    Attention = new AttentionNames
                    {
                        Query = "self_attn.q_proj",
                        Key = "self_attn.k_proj",
                        Value = "self_attn.v_proj",
                        Output = "self_attn.o_proj",
                        QueryNorm = headNorms ? "self_attn.q_norm" : null,
                        KeyNorm = headNorms ? "self_attn.k_norm" : null,
                        InputBias = inputBias,
                        OutputBias = outputBias,
                    },
                    FeedForwardNorm = "post_attention_layernorm",
                    Gate = "mlp.gate_proj",
                    Up = "mlp.up_proj",
                    Down = "mlp.down_proj",
                    FeedForwardBias = feedForwardBias,
                },
            },
        };
}
