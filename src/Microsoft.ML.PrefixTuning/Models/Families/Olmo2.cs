namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>OLMo 2: Llama with norms behind attention and feed-forward, and over whole queries and keys.</summary>
internal sealed class Olmo2 : Llama
{
    public override string ModelType => "olmo2";

    protected override LlamaDefaults Defaults => new(Context: 2048, Epsilon: 1e-5);

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = base.Describe(config);
        return llama with
        {
            Decoder = llama.Decoder with
            {
                Residual = Residual.NormBehind,
                QueryKeyNorm = QueryKeyNorm.AllHeads,
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("attention_bias", false);
        TensorNames llama = Names(bias, bias, false, headNorms: true);
        return llama with
        {
            Decoder = llama.Decoder with
            {
                Layer = llama.Decoder.Layer with
                {
                    AttentionNorm = "post_attention_layernorm",
                    FeedForwardNorm = "post_feedforward_layernorm",
                },
            },
        };
    }
}
