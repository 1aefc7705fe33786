using Microsoft.ML.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>From what a caller names to a share of a loaded base.</summary>
internal static class BaseLoader
{
    /// <summary>Takes a share of a base on the device that options and MLContext ask for.</summary>
    public static BaseLease Acquire(IHost host, BaseModel baseModel, ModelPrecision precision, string? device) =>
        FrozenBase.Acquire(baseModel.Path, Type(precision), DeviceChoice.Choose(host, device), baseModel.Rules);

    /// <summary>Takes a share of a base on a device that is named, or on the CPU.</summary>
    public static BaseLease Acquire(BaseModel baseModel, ModelPrecision precision, string? device) =>
        FrozenBase.Acquire(baseModel.Path, Type(precision), DeviceChoice.Named(device ?? "cpu"), baseModel.Rules);

    /// <summary>
    /// Takes a share of a base to train for. Which one it is, is read now: its files may be replaced while training
    /// goes on.
    /// </summary>
    public static BaseLease AcquireForTraining(IHost host, BaseModel baseModel, ModelPrecision precision,
        string? device)
    {
        BaseLease lease = Acquire(host, baseModel, precision, device);
        try
        {
            _ = lease.Base.Identity;
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Torch's type for a precision.</summary>
    public static ScalarType Type(ModelPrecision precision) =>
        precision == ModelPrecision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
}
