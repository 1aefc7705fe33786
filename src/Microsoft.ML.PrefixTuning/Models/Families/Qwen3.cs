namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Qwen3: Llama with a norm on every head's query and key.</summary>
internal sealed class Qwen3 : Llama
{
    public override string ModelType => "qwen3";

    protected override LlamaDefaults Defaults => new(Context: 32768, KeyValueHeads: 32, HeadSize: 128);

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = Qwen2.WithWindows(base.Describe(config), config);
        return llama with { Decoder = llama.Decoder with { QueryKeyNorm = QueryKeyNorm.EachHead } };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("attention_bias", false);
        return Names(bias, bias, false, headNorms: true);
    }
}
