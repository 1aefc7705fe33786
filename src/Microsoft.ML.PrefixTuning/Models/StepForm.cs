namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How a base in bfloat16 makes the products of one new token a row.</summary>
internal enum StepForm
{
    /// <summary>
    /// With numbers of rows in float32, by weights that lie in blocks (<see cref="BFloat16Matrix"/>): a row has the
    /// same bits in any company. Costs a copy of the weights.
    /// </summary>
    Blocks,

    /// <summary>By torch's product, with rows that are rounded to bfloat16 (<see cref="RoundedMatrix"/>).</summary>
    Whole,
}
