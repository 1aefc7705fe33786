namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// OPT: learned positions from row 2, norm first; the 350m form norms last and projects its embeddings.
/// </summary>
internal sealed class Opt : Family
{
    private const int PositionOffset = 2;

    public override string ModelType => "opt";

    public override TransformerSpec Describe(ModelConfig config)
    {
        config.Only("layer_norm_elementwise_affine", "true");
        int vocabulary = config.Count("vocab_size"), width = config.Count("hidden_size");
        int context = config.Count("max_position_embeddings", 2048);
        bool first = config.Flag("do_layer_norm_before", true);
        return new TransformerSpec
        {
            Family = ModelType,
            VocabularySize = vocabulary,
            Width = width,
            EmbeddingWidth = config.Count("word_embed_proj_dim", width),
            ContextLength = context,
            Tokens = config.Tokens(vocabulary),
            Head = new OutputHead(Tied: config.Flag("tie_word_embeddings", true)),
            Decoder = new StackSpec
            {
                Layers = config.LayerCount("num_hidden_layers"),
                Heads = config.Heads("num_attention_heads", "hidden_size"),
                Norm = new NormSpec(NormKind.Layer, 1e-5),
                Residual = first ? Residual.NormFirst : Residual.NormLast,
                FinalNorm = first && !config.Flag("_remove_final_layer_norm", false),
                FeedForward =
                    new FeedForwardSpec(config.Activation("activation_function", "relu"), config.Count("ffn_dim"),
                    Gated: false),
                Positions = new LearnedPositions(context, PositionOffset),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("enable_bias", true), projected = spec.EmbeddingWidth != spec.Width;
        return new TensorNames
        {
            Roots = ["model."],
            Embedding = "decoder.embed_tokens.weight",
            Decoder = new StackNames
            {
                Positions = "decoder.embed_positions.weight",
                ProjectIn = projected ? "decoder.project_in" : null,
                ProjectOut = projected ? "decoder.project_out" : null,
                Block = "decoder.layers.{layer}.",
                FinalNorm = "decoder.final_layer_norm",
                Layer = new BlockNames
                {
                    AttentionNorm = "self_attn_layer_norm",
                    Attention = Projections.OfBart("self_attn", bias),
                    FeedForwardNorm = "final_layer_norm",
                    Up = "fc1",
                    Down = "fc2",
                    FeedForwardBias = bias,
                },
            },
        };
    }
}
