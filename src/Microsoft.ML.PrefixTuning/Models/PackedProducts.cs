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

    // A source that does not compile ends the process: it is constant, and every function has a test.
    private const string Source = """
        def int8(x, w, s):
            return torch._weight_int8pack_mm(x, w, s)

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
