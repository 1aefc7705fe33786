using System;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>From what a caller names to a share of a loaded base.</summary>
internal static class BaseLoader
{
    /// <summary>Takes a share of a base on the device that options and MLContext ask for.</summary>
    /// <param name="host">Cancels the loading.</param>
    /// <param name="baseModel">The base.</param>
    /// <param name="precision">How its numbers are kept.</param>
    /// <param name="device">The device; null for what the context says.</param>
    /// <param name="cancellation">Cancels the loading, too.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static BaseLease Acquire(IHost host, BaseModel baseModel, UsedPrecision precision, string? device,
        CancellationToken cancellation = default) => Cancelling.By(CheckOf(host, cancellation), () =>
            FrozenBase.Acquire(baseModel.Path, Form(precision), DeviceChoice.Choose(host, device), baseModel.Rules));

    /// <summary>Takes a share of a base on a device that is named, or on the CPU.</summary>
    public static BaseLease Acquire(BaseModel baseModel, UsedPrecision precision, string? device) =>
        FrozenBase.Acquire(baseModel.Path, Form(precision), DeviceChoice.Named(device ?? "cpu"), baseModel.Rules);

    /// <summary>
    /// Takes a share of a base to train for. Which one it is, is read now: its files may be replaced while training
    /// goes on.
    /// </summary>
    /// <inheritdoc cref="Acquire(IHost, BaseModel, UsedPrecision, string?, CancellationToken)"/>
    public static BaseLease AcquireForTraining(IHost host, BaseModel baseModel, UsedPrecision precision,
        string? device, CancellationToken cancellation)
    {
        BaseLease lease = Acquire(host, baseModel, precision, device, cancellation);
        try
        {
            _ = Cancelling.By(CheckOf(host, cancellation), () => lease.Base.Identity);
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>What throws where a context or a token cancels.</summary>
    public static Action CheckOf(IHost host, CancellationToken cancellation = default) => () =>
    {
        MlNetInternals.CheckAlive(host);
        cancellation.ThrowIfCancellationRequested();
    };

    /// <summary>How a base is kept at a precision.</summary>
    public static BaseForm Form(UsedPrecision precision) =>
        new(precision.Products == ModelPrecision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32,
            precision.Precision == ModelPrecision.AsStored);
}
