using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The constants of a model as native scalars, one a value, kept for the life of the process. TorchSharp gives native
/// code the address of a scalar and no longer holds it: one that was made by an implicit conversion may be finalized
/// while the operation still reads it. A value that changes from step to step is held by a <c>using</c> instead.
/// </summary>
/// <remarks>
/// The operator + and the sums without a factor convert a 1 in this way themselves, so the library adds by
/// <see cref="Plus(Tensor, Tensor)"/> and its kind; <c>ScalarLifetimeTests</c> finds whatever does not.
/// </remarks>
internal static class Scalars
{
    /// <summary>1, as the factor of a sum.</summary>
    public static readonly Scalar One = 1.ToScalar();

    /// <summary>-1, as the factor of a sum.</summary>
    public static readonly Scalar MinusOne = (-1).ToScalar();

    private static readonly ConcurrentDictionary<double, Scalar> s_real = [];
    private static readonly ConcurrentDictionary<long, Scalar> s_whole = [];

    /// <summary>A scalar for tensors of reals; it does not change their type.</summary>
    public static Scalar Real(double value) => s_real.GetOrAdd(value, static number => number.ToScalar());

    /// <summary>A scalar for tensors of whole numbers.</summary>
    public static Scalar Whole(long value) => s_whole.GetOrAdd(value, static number => number.ToScalar());

    /// <summary>The sum, element by element.</summary>
    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);

    /// <summary>The sum with a held scalar.</summary>
    public static Tensor Plus(this Tensor left, Scalar right) => left.add(right, One);

    /// <summary>Adds to the tensor itself.</summary>
    public static Tensor PlusInPlace(this Tensor left, Tensor right) => left.add_(right, One);

    /// <inheritdoc cref="PlusInPlace(Tensor, Tensor)"/>
    public static Tensor PlusInPlace(this Tensor left, Scalar right) => left.add_(right, One);
}
