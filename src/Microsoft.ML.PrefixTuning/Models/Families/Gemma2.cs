using System;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// Gemma 2: four norms a layer, scaled embedding, soft caps of scores and logits, a window in every other layer.
/// </summary>
internal sealed class Gemma2 : Llama
{
    public override string ModelType => "gemma2";

    protected override LlamaDefaults Defaults => new(Context: 8192, KeyValueHeads: 4, HeadSize: 256, Tied: true)
    {
        ActivationKey = "hidden_activation",
        Activation = "gelu_pytorch_tanh",
    };

    public override TransformerSpec Describe(ModelConfig config)
    {
        config.Only("use_bidirectional_attention", "false");
        TransformerSpec llama = base.Describe(config);
        StackSpec decoder = llama.Decoder;
        return llama with
        {
            EmbeddingScale = Math.Sqrt(llama.Width),
            Head = llama.Head with { Cap = Cap(config, "final_logit_softcapping", 30) },
            Decoder = decoder with
            {
                Norm = decoder.Norm with { Kind = NormKind.RootMeanSquareOfOnePlus },
                Residual = Residual.NormBothSides,
                ScoreScale = 1 / Math.Sqrt(config.Positive("query_pre_attn_scalar", 256)),
                ScoreCap = Cap(config, "attn_logit_softcapping", 50),
                Windows = config.Windows(decoder.Layers, layer => layer % 2 == 0),
            },
        };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config)
    {
        bool bias = config.Flag("attention_bias", false);
        return Gemma3.WithFourNorms(Names(bias, bias, false));
    }

    // Absent and null are not the same: null is no cap.
    private static double? Cap(ModelConfig config, string key, double absent) =>
        config.IsNull(key) ? null : config.Positive(key, absent);
}
