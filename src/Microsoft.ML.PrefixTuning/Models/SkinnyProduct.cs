using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T for the few rows of a decoding step, float32 on the CPU. The general product copies the whole weight before it
/// multiplies, and does not share one row's work between cores. Cut into parts of the weight, which the cores share,
/// the same takes two thirds to a third of the time (docs/performance.md).
/// </summary>
internal static class SkinnyProduct
{
    // Beyond this the general product is as fast.
    private const long MostRows = 32;

    // Outputs of one part: small enough that the part stays in a core's cache while the rows pass over it, large enough
    // that handing it out costs little.
    private const long LargestPart = 144;
    private const long SmallestPart = 48;

    // On processors of its own maker, libtorch's library of products (MKL) shares the work of W x^T between cores and
    // copies nothing, which is twice to four times as fast as parts there; elsewhere it does neither. The processor
    // decides and not a measurement: the order of sums follows.
    private static readonly bool s_sharesRows = IsOfMklsMaker();

    /// <summary>Whether a product is of this kind.</summary>
    public static bool Suits(Tensor x, Tensor weight) => weight.dtype == ScalarType.Float32
        && weight.device_type == TorchSharp.DeviceType.CPU && !is_grad_enabled()
            && x.numel() <= MostRows * x.size(Axis.Last);

    /// <summary>The product.</summary>
    /// <param name="x">[..., in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out] or null.</param>
    /// <returns>[..., out], contiguous.</returns>
    public static Tensor Product(Tensor x, Tensor weight, Tensor? bias)
    {
        Tensor rows = x.reshape(-1, weight.size(1));
        Tensor product = rows.size(0) == 1 ? OneRow(rows, weight) : ManyRows(rows, weight);
        if (bias is not null)
            product = product.Plus(bias);
        long[] shape = x.shape;
        shape[^1] = weight.size(0);
        return product.reshape(shape);
    }

    /// <summary>W x^T: one part a core.</summary>
    private static Tensor OneRow(Tensor row, Tensor weight)
    {
        long outputs = weight.size(0), parts = get_num_threads();
        Tensor column = row.t();                                                                   // [in, 1]
        Tensor product = s_sharesRows || parts == 1 || outputs % parts != 0
            ? weight.mm(column)
            : weight.view(parts, outputs / parts, -1).bmm(column.unsqueeze(0).expand(parts, -1, -1));
        return product.view(1, outputs);
    }

    /// <summary>x W^T: many small parts.</summary>
    private static Tensor ManyRows(Tensor rows, Tensor weight)
    {
        long outputs = weight.size(0), parts = Parts(outputs, get_num_threads());
        return s_sharesRows || parts == 0 ? weight.mm(rows.t()).t().contiguous()
            : rows.unsqueeze(0).expand(parts, -1, -1)
                .bmm(weight.view(parts, outputs / parts, -1).transpose(1, 2))  // [parts, rows, out / parts]
                .transpose(0, 1).reshape(-1, outputs);
    }

    private static bool IsOfMklsMaker()
    {
        if (!X86Base.IsSupported)
            return false;
        (_, int b, int c, int d) = X86Base.CpuId(0, 0);
        // The maker's name, "GenuineIntel", as the instruction spells it.
        return (b, d, c) == (0x756e6547, 0x49656e69, 0x6c65746e);
    }

    /// <summary>The fewest parts of a good size that all cores share evenly; 0 if there are none.</summary>
    private static long Parts(long outputs, long cores)
    {
        long fewest = (outputs + LargestPart * cores - 1) / (LargestPart * cores) * cores;
        for (long parts = fewest; parts * SmallestPart <= outputs; parts += cores)
        {
            if (outputs % parts == 0)
                return parts;
        }
        return 0;
    }
}
