namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How the matrices of a base are kept.</summary>
internal enum MatrixForm
{
    /// <summary>In the type of their products.</summary>
    Wide,

    /// <summary>As they are stored, and widened for each product.</summary>
    AsStored,

    /// <summary>In 8 bits, and so multiplied; products are for writing alone.</summary>
    Int8,

    /// <summary>The same in 4 bits; embedding and head are in 8.</summary>
    Int4,
}
