namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Mistral: Llama with a window in every layer.</summary>
internal sealed class Mistral : Llama
{
    public override string ModelType => "mistral";

    protected override LlamaDefaults Defaults => new(Context: 131072, KeyValueHeads: 8);

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = base.Describe(config);
        return llama with
        {
            Decoder = llama.Decoder with { Windows = config.Windows(llama.Decoder.Layers, layer => true) },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => Names(false, false, false);
}
