namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Granite 3 and 4 (dense): Llama with factors on embeddings, scores, residuals and logits.</summary>
internal sealed class Granite : Llama
{
    public override string ModelType => "granite";

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = base.Describe(config);
        return llama with
        {
            EmbeddingScale = config.Positive("embedding_multiplier", 1),
            Head = llama.Head with { Scale = 1 / config.Positive("logits_scaling", 1) },
            Decoder = llama.Decoder with
            {
                ScoreScale = config.Positive("attention_multiplier", 1),
                ResidualScale = config.Positive("residual_multiplier", 1),
            },
        };
    }
}
