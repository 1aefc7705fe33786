using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>
/// Counts tensors for tests that look for leaks. <c>Tensor.TotalCount</c> will not do: it also moves when the finalizer
/// frees what other tests left, or another thread works.
/// </summary>
internal static class OwnTensors
{
    /// <summary>Tensors that this thread made, less those that it disposed.</summary>
    public static long Live => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
