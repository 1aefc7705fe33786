namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Qwen3: Llama with a norm on every head's query and key.</summary>
internal sealed class Qwen3 : Llama
{
    private const int DefaultHeadSize = 128;

    public override string ModelType => "qwen3";

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = Qwen2.WithWindows(base.Describe(config), config);
        HeadShape heads = llama.Decoder.Heads with { Size = config.Count("head_dim", DefaultHeadSize) };
        return llama with
        {
            Decoder = llama.Decoder with
            {
                Heads = heads,
                QueryKeyNorm = true,
                Positions = new RotaryPositions(config.Rotary(heads.Size, llama.ContextLength)),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("attention_bias", false);
        return Names(bias, bias, false, headNorms: true);
    }
}
