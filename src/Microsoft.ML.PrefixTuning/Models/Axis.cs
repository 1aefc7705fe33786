namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Names of axes, so that no tensor is indexed by a bare number. Letters: B rows, L new tokens, P prefix length, S
/// visible keys, H query heads, G key/value heads, R query heads per key/value head, D head size, E width, V
/// vocabulary, N layers.
/// </summary>
internal static class Axis
{
    /// <summary>B of any batched tensor.</summary>
    public const int Row = 0;

    /// <summary>L of [B, L, ...] before heads are brought forward.</summary>
    public const int Token = 1;

    /// <summary>S or L of [B, G, S, D].</summary>
    public const int Key = 2;

    /// <summary>R of [B, L, G, R, D].</summary>
    public const int Group = 3;

    /// <summary>The innermost axis.</summary>
    public const int Last = -1;
}
