using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Which products one new token a row takes of a base in bfloat16. A generator's capacity decides, which is known when
/// it is made, and the processor; never how many rows are under way, which would change a row's bits.
/// </summary>
internal static class StepChoice
{
    // So many rows have their products at the pace of memory, or nearly; beyond, instructions for bfloat16 make up to
    // twice as many in the time (docs/performance.md).
    private const int MostByRows = 16;

    /// <summary>The products of a generator on this processor.</summary>
    /// <param name="lanes">Rows that it writes at once at most; each beam or draw counts as one.</param>
    public static StepForm Of(int lanes) => Of(lanes, Processor.BFloat16 == BFloat16Products.Fast);

    /// <inheritdoc cref="Of(int)"/>
    /// <param name="lanes">Rows that it writes at once at most; each beam or draw counts as one.</param>
    /// <param name="isBFloat16Fast">Whether the processor is faster in bfloat16 than in float32.</param>
    public static StepForm Of(int lanes, bool isBFloat16Fast) =>
        isBFloat16Fast && lanes > MostByRows ? StepForm.Whole : StepForm.Rows;
}
