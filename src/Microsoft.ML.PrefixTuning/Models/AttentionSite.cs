namespace Microsoft.ML.PrefixTuning;

/// <summary>Which attention of a transformer.</summary>
public enum AttentionSite
{
    /// <summary>The decoder's self-attention; the only attention of a decoder-only model.</summary>
    Decoder,

    /// <summary>The encoder's self-attention.</summary>
    Encoder,

    /// <summary>The decoder's attention to the encoder's output.</summary>
    Cross,
}
