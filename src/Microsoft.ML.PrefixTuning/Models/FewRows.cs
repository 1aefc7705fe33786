using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T for the few rows of a decoding step, float32 on the CPU. The general product copies the whole weight before it
/// multiplies, and does not share one row's work between cores; as W x^T, cut into one part a core, the same takes two
/// thirds to a third of the time (docs/performance.md).
/// </summary>
internal static class FewRows
{
    // Beyond this the general product is as fast.
    private const long MostRows = 32;

    /// <summary>Whether a product is of this kind.</summary>
    public static bool Suits(Tensor x, Tensor weight) => weight.dtype == ScalarType.Float32
        && weight.device_type == TorchSharp.DeviceType.CPU && !is_grad_enabled() && x.numel() <= MostRows * x.size(Axis.Last);

    /// <summary>The product.</summary>
    /// <param name="x">[..., in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out] or null.</param>
    /// <returns>[..., out], contiguous.</returns>
    public static Tensor Product(Tensor x, Tensor weight, Tensor? bias)
    {
        long outputs = weight.size(0), inputs = weight.size(1), parts = get_num_threads();
        Tensor columns = x.reshape(-1, inputs).t();                                               // [in, rows]
        Tensor product = parts == 1 || outputs % parts != 0
            ? weight.mm(columns)
            : weight.view(parts, outputs / parts, inputs)
                .bmm(columns.unsqueeze(0).expand(parts, -1, -1)).view(outputs, -1);               // [out, rows]
        Tensor rows = product.t();
        if (bias is not null)
            rows = rows + bias;
        long[] shape = x.shape;
        shape[^1] = outputs;
        return rows.contiguous().view(shape);
    }
}
