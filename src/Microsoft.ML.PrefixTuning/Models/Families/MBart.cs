namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>mBART and mBART-50: BART that norms first, with a norm behind the last layer of each stack.</summary>
internal sealed class MBart : Bart
{
    public override string ModelType => "mbart";

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec bart = base.Describe(config);
        return bart with { Decoder = NormFirst(bart.Decoder), Encoder = NormFirst(bart.Encoder!) };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) =>
        WithFinalNorms(base.Names(spec, config));

    /// <summary>A stack of BART's that norms first.</summary>
    internal static StackSpec NormFirst(StackSpec stack) =>
        stack with { Residual = Residual.NormFirst, FinalNorm = true };

    /// <summary>BART's names and those of the norms behind the last layers.</summary>
    internal static TensorNames WithFinalNorms(TensorNames bart) => bart with
    {
        Decoder = bart.Decoder with { FinalNorm = "decoder.layer_norm" },
        Encoder = bart.Encoder! with { FinalNorm = "encoder.layer_norm" },
    };
}
