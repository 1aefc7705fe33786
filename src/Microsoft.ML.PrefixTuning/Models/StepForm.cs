namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How a base in bfloat16 makes the products of one new token a row.</summary>
internal enum StepForm
{
    /// <summary>
    /// By products of our own, with numbers of rows in float32 (<see cref="RowMatrix"/>): a row has the same bits in
    /// any company.
    /// </summary>
    Rows,

    /// <summary>By torch's product, with rows that are rounded to bfloat16 (<see cref="RoundedMatrix"/>).</summary>
    Whole,
}
