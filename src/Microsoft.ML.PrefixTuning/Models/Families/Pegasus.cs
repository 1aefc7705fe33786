namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Pegasus: mBART with fixed positions from row 0 and no norm behind the embeddings.</summary>
internal sealed class Pegasus : Bart
{
    public override string ModelType => "pegasus";

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec bart = base.Describe(config);
        return bart with { Decoder = Stack(bart.Decoder), Encoder = Stack(bart.Encoder!) };
    }

    public override TensorNames Names(TransformerSpec spec, ModelConfig config) =>
        MBart.WithFinalNorms(base.Names(spec, config));

    private static StackSpec Stack(StackSpec bart)
    {
        int capacity = ((LearnedPositions)bart.Positions).Capacity;
        return MBart.NormFirst(bart) with
        {
            EmbeddingNorm = false,
            Positions = new LearnedPositions(capacity, IsSinusoid: true),
        };
    }
}
