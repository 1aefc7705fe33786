using System.Collections.Concurrent;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The constants of a model as native scalars, one a value, kept for the life of the process. A number that is converted
/// on the way into an operation may be finalized while the native code still reads it; it also costs more than the sum.
/// </summary>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> s_real = [];
    private static readonly ConcurrentDictionary<long, Scalar> s_whole = [];

    /// <summary>A scalar for tensors of reals; it does not change their type.</summary>
    public static Scalar Real(double value) => s_real.GetOrAdd(value, static number => number.ToScalar());

    /// <summary>A scalar for tensors of whole numbers.</summary>
    public static Scalar Whole(long value) => s_whole.GetOrAdd(value, static number => number.ToScalar());
}
