namespace Microsoft.ML.PrefixTuning;

/// <summary>What becomes of a row whose attribute no training row had.</summary>
public enum UnseenAttribute
{
    /// <summary>It is an error that names row, column, value and the known values.</summary>
    Refuse,

    /// <summary>
    /// It gets the part that all values share, which says less: it was trained in front of the values' own parts only.
    /// </summary>
    UseSharedPart,
}
