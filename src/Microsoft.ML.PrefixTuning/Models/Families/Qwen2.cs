namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Qwen2 and Qwen2.5: Llama with biases on queries, keys and values.</summary>
internal sealed class Qwen2 : Llama
{
    public override string ModelType => "qwen2";

    protected override LlamaDefaults Defaults => new(Context: 32768, KeyValueHeads: 32);

    public override TransformerSpec Describe(ModelConfig config) => WithWindows(base.Describe(config), config);

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) => Names(true, false, false);

    /// <summary>Layers from <c>max_window_layers</c> on have a window, if windows are used at all.</summary>
    internal static TransformerSpec WithWindows(TransformerSpec spec, ModelConfig config)
    {
        if (!config.Flag("use_sliding_window", false))
            return spec;
        int first = config.Whole("max_window_layers", 0) ?? 28;
        return spec with
        {
            Decoder = spec.Decoder with { Windows = config.Windows(spec.Decoder.Layers, layer => layer >= first) },
        };
    }
}
