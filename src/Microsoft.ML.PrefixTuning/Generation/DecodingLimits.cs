namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>What a <see cref="DecodingLoop"/> works on at once.</summary>
/// <param name="Lanes">Rows; every beam or draw of a row counts as one. A row that has more is worked on alone.</param>
internal sealed record DecodingLimits(int Lanes)
{
    /// <summary>
    /// Tokens that the caches hold at most, prefixes and new tokens that may come included, when every lane has as many
    /// columns as the longest row needs. A row that needs more is worked on alone.
    /// </summary>
    public long Tokens { get; init; } = long.MaxValue;

    /// <summary>
    /// Tokens of prompts that one pass reads at most: of short rows, which are read whole and together. So long must
    /// the other rows wait.
    /// </summary>
    public int PassTokens { get; init; } = ReadingPass.MostTokens;

    /// <summary>Tokens that one pass reads at most of a long row, which is one of more than a pass takes.</summary>
    public int PieceTokens { get; init; } = ReadingPass.MostTokens;

    /// <summary>
    /// Whether rows come one by one: each enters as soon as there is room. Otherwise they wait until so many lanes are
    /// free that a reading pass is worth it.
    /// </summary>
    public bool IsOpen { get; init; }

    /// <summary>
    /// Tokens of a row that one pass reads at most. Its own length says it, whatever is read or written beside it: the
    /// last bits of what is read follow from the size of the pieces.
    /// </summary>
    /// <param name="length">Tokens of the row.</param>
    public int PieceOf(int length) => length > PassTokens ? PieceTokens : PassTokens;
}
