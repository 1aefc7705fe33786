namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>What counts for Llama and its relatives where a config says nothing.</summary>
/// <param name="Context">Positions, in tokens.</param>
/// <param name="KeyValueHeads">G, or null for as many as query heads.</param>
/// <param name="HeadSize">D, or null for a head's share of the width.</param>
/// <param name="Epsilon">Of the norms.</param>
/// <param name="Tied">Whether the head is the embedding.</param>
internal sealed record LlamaDefaults(int Context, int? KeyValueHeads = null, int? HeadSize = null,
    double Epsilon = 1e-6, bool Tied = false)
{
    /// <summary>Key of the activation. The default is <c>hidden_act</c>.</summary>
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>The activation where the config names none. The default is <c>silu</c>.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>How the parts of the rotation are called and what counts where they are absent.</summary>
    public RopeKeys Rotation { get; init; } = new();
}
