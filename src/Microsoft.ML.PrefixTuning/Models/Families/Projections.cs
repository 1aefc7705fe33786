namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Names that several families give to the projections of an attention.</summary>
internal static class Projections
{
    /// <summary>The names of BART and what was written after it.</summary>
    /// <param name="attention">The attention's own name.</param>
    /// <param name="bias">Whether all four have a bias.</param>
    public static AttentionNames OfBart(string attention, bool bias) => new()
    {
        Query = $"{attention}.q_proj",
        Key = $"{attention}.k_proj",
        Value = $"{attention}.v_proj",
        Output = $"{attention}.out_proj",
        InputBias = bias,
        OutputBias = bias,
    };
}
