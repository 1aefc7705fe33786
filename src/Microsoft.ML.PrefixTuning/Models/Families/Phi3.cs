namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// Phi-3, Phi-4 and Phi-4-mini: Llama with fused projections; longrope, partly rotated heads and windows in some.
/// </summary>
internal sealed class Phi3 : Llama
{
    public override string ModelType => "phi3";

    protected override LlamaDefaults Defaults => new(Context: 4096, Epsilon: 1e-5)
    {
        Rotation = new RopeKeys { LongTypes = ["longrope", "su", "yarn"] },
    };

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = base.Describe(config);
        bool isLong = llama.Decoder.Positions is RotaryPositions { Full.Scaling: DivisorScaling };
        ModelConfig? scaling = config.Object("rope_parameters") ?? config.Object("rope_scaling");
        return llama with
        {
            ContextLength = isLong ? LongRope.OriginalContext(config, scaling, llama.ContextLength)
                : llama.ContextLength,
            Decoder = llama.Decoder with
            {
                Windows = config.Has("sliding_window") ? config.Windows(llama.Decoder.Layers, layer => true) : [],
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        TensorNames llama = Names(false, false, false);
        BlockNames layer = llama.Decoder.Layer;
        return llama with
        {
            Decoder = llama.Decoder with
            {
                Layer = layer with
                {
                    Attention = layer.Attention with
                    {
                        Fused = new Fused("self_attn.qkv_proj", FusedLayout.Stacked),
                    },
                    Up = "mlp.gate_up_proj",
                    GateInUp = true,
                },
            },
        };
    }
}
