using System;
using System.Diagnostics;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>A precision of which nothing is left to be decided.</summary>
/// <param name="Precision">Any but Automatic.</param>
/// <param name="Products">Type of products, and of what is made of them: Float32 or BFloat16.</param>
internal readonly record struct UsedPrecision(ModelPrecision Precision, ModelPrecision Products)
{
    // The least that was measured: docs/performance.md, training.
    private const string Gain = "about twice as fast as in float32 (docs/performance.md)";

    /// <summary>The precision of a training: bfloat16 where this one is for writing alone.</summary>
    public UsedPrecision OfTraining => IsForWriting
        ? new(ModelPrecision.BFloat16, ModelPrecision.BFloat16) : this;

    private bool IsForWriting => Precision is ModelPrecision.Int8 or ModelPrecision.Int4;

    /// <summary>What a precision is on this processor.</summary>
    /// <param name="asked">What was chosen.</param>
    /// <param name="products">What it was decided to be before, of a base as stored; null where it was not.</param>
    public static UsedPrecision Of(ModelPrecision asked, ModelPrecision? products = null) =>
        Of(asked, products, Processor.MultipliesBFloat16);

    /// <inheritdoc cref="Of(ModelPrecision, ModelPrecision?)"/>
    /// <param name="asked">What was chosen.</param>
    /// <param name="products">What it was decided to be before, or null.</param>
    /// <param name="isBFloat16Fast">Whether the processor has instructions for products of bfloat16.</param>
    public static UsedPrecision Of(ModelPrecision asked, ModelPrecision? products, bool isBFloat16Fast)
    {
        ModelPrecision best = isBFloat16Fast ? ModelPrecision.BFloat16 : ModelPrecision.Float32;
        return asked switch
        {
            ModelPrecision.Float32 or ModelPrecision.BFloat16 => new(asked, asked),
            ModelPrecision.Automatic => new(best, best),
            ModelPrecision.AsStored => new(asked, products ?? best),
            ModelPrecision.Int8 or ModelPrecision.Int4 => new(asked, ModelPrecision.Float32),
            _ => throw new UnreachableException($"Precision {asked} is not known here."),
        };
    }

    /// <summary>
    /// What to say where training is in another precision than was chosen, or another one would pay; null elsewhere.
    /// </summary>
    /// <param name="option">What the option for a precision is called where this is read.</param>
    /// <param name="has">What the device has for products of bfloat16.</param>
    public string? Advice(Func<ModelPrecision, string> option, BFloat16Products has) => this switch
    {
        { IsForWriting: true } => $"Precision {Precision} is for writing: training uses bfloat16"
            + (has == BFloat16Products.None ? ", for which this processor has no instructions." : "."),
        { Precision: ModelPrecision.Float32 } when has == BFloat16Products.Fast =>
            $"This processor has instructions for bfloat16: with {option(ModelPrecision.BFloat16)} training is {Gain}.",
        { Precision: ModelPrecision.BFloat16 } when has == BFloat16Products.Slow =>
            $"This processor's instructions for bfloat16 are no faster than float32: with"
                + $" {option(ModelPrecision.Float32)} training is faster, in more memory (docs/performance.md).",
        _ => null,
    };
}
