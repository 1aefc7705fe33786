using System.Threading;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Products of bfloat16 rows with weights of few bits on the CPU. libtorch has them, TorchSharp has no method for them:
/// they are reached through a script. A row's result has the same bits in any number of rows.
/// </summary>
internal static class PackedProducts
{
    /// <summary>Inputs that the product of 8 bits takes at a time: a row has a multiple of them.</summary>
    public const long Int8Step = 16;

    /// <summary>Outputs that the product of 4 bits makes at a time: weights have a multiple of them.</summary>
    public const long Int4Outputs = 16;

    // A source that does not compile ends the process: it is constant, and every function has a test.
    private const string Source = """
        def int8(x, w, s):
            return torch._weight_int8pack_mm(x, w, s)
        def pack4(w):
            return torch._convert_weight_to_int4pack_for_cpu(w, 2)
        def int4(x, w, g):
            return torch._weight_int4pack_mm_for_cpu(x, w, 32, g)

        """;

    private static readonly Lock s_lock = new();
    private static jit.CompilationUnit? s_unit;

    /// <summary>x W^T of weights in 8 bits.</summary>
    /// <param name="x">[n, in], bfloat16, contiguous; in is a multiple of <see cref="Int8Step"/>.</param>
    /// <param name="weight">[out, in], int8, contiguous.</param>
    /// <param name="scales">[out], bfloat16: what an output's numbers are multiplied with.</param>
    /// <returns>[n, out], bfloat16.</returns>
    public static Tensor Int8(Tensor x, Tensor weight, Tensor scales) =>
        (Tensor)Unit.invoke("int8", x, weight, scales);

    /// <summary>Weights in 4 bits as their product takes them.</summary>
    /// <param name="steps">
    /// [out, in], int32, 0 to 15; out is a multiple of <see cref="Int4Outputs"/>, in of <see cref="StepRows.Group"/>.
    /// </param>
    /// <returns>[out, in / 2], bytes in an order of the processor's.</returns>
    public static Tensor Pack4(Tensor steps) => (Tensor)Unit.invoke("pack4", steps);

    /// <summary>x W^T of weights in 4 bits.</summary>
    /// <param name="x">[n, in], bfloat16, contiguous.</param>
    /// <param name="packed">What <see cref="Pack4"/> made.</param>
    /// <param name="groups">
    /// [in / 32, out, 2], bfloat16, contiguous: a group's scale, and its number of step 8.
    /// </param>
    /// <returns>[n, out], bfloat16.</returns>
    public static Tensor Int4(Tensor x, Tensor packed, Tensor groups) =>
        (Tensor)Unit.invoke("int4", x, packed, groups);

    /// <summary>Rows as these products take them.</summary>
    /// <param name="x">[..., numbers].</param>
    /// <param name="columns">Inputs of the weights, at least as many: others than the row's are 0.</param>
    /// <returns>[n, columns], bfloat16, contiguous.</returns>
    public static Tensor Rows(Tensor x, long columns)
    {
        long own = x.size(Axis.Last);
        Tensor rows = x.reshape(-1, own).to(ScalarType.BFloat16);
        return own == columns ? rows.contiguous() : nn.functional.pad(rows, [0, columns - own]);
    }

    private static jit.CompilationUnit Unit
    {
        get
        {
            if (Volatile.Read(ref s_unit) is { } made)
                return made;
            lock (s_lock)
                return s_unit ??= jit.compile(Source);
        }
    }
}
