using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;
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

    /// <summary>The same by the rules that prefixes were trained by; warns where today's differ.</summary>
    /// <exception cref="InvalidOperationException">They were trained by several.</exception>
    public static BaseLease Acquire(IHost host, BaseModel baseModel, UsedPrecision precision, string? device,
        PrefixesByValue prefixes)
    {
        BaseLease lease = Acquire(host, baseModel, precision, device).ByRulesOf(prefixes.All);
        try
        {
            WarnOfFormerRules(host, lease.Base, "A prefix");
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Takes a share of a base on a device that is named, or on the CPU.</summary>
    public static BaseLease Acquire(BaseModel baseModel, UsedPrecision precision, string? device) =>
        FrozenBase.Acquire(baseModel.Path, Form(precision), DeviceChoice.Named(device ?? "cpu"), baseModel.Rules);

    /// <summary>Warns where a base goes by rules from which today's differ.</summary>
    /// <param name="host">Takes the warning.</param>
    /// <param name="frozen">The base.</param>
    /// <param name="what">What was trained by them, for the message.</param>
    public static void WarnOfFormerRules(IHost host, FrozenBase frozen, string what) =>
        WarnOfFormerRules(host, frozen.Rules, frozen.FormerRules, what);

    /// <summary>Warns where a base goes by rules from which today's differ, whatever computes it.</summary>
    /// <param name="host">Takes the warning.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="formerRules">What today's do otherwise with the base.</param>
    /// <param name="what">What was trained by them, for the message.</param>
    public static void WarnOfFormerRules(IHost host, TextRules rules, IEnumerable<string> formerRules, string what)
    {
        if (rules.AreLatest || formerRules.ToArray() is not { Length: > 0 } differences)
            return;
        using IChannel channel = host.Start("Load");
        channel.Warning(MessageSensitivity.Schema, "{0}", $"{what} keeps the rules that it was trained"
            + $" with: {string.Join("; ", differences)}. A new fit gets today's.");
    }

    /// <summary>
    /// Takes a share of a base to train for, in the precision of the training. Which one it is, is read now: its files
    /// may be replaced while training goes on.
    /// </summary>
    /// <inheritdoc cref="Acquire(IHost, BaseModel, UsedPrecision, string?, CancellationToken)"/>
    /// <exception cref="NotSupportedException">What is trained could not be used on the device.</exception>
    public static BaseLease AcquireForTraining(IHost host, BaseModel baseModel, UsedPrecision precision,
        string? device, CancellationToken cancellation)
    {
        if (precision.OfTraining != precision)
            Form(precision).Check(DeviceChoice.Choose(host, device));
        BaseLease lease = Acquire(host, baseModel, precision.OfTraining, device, cancellation);
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

    /// <summary>
    /// The share that was trained for, or in its place another of the same base in the precision in which texts are
    /// written. It is given back first, so that the base does not lie in memory twice.
    /// </summary>
    /// <exception cref="InvalidOperationException">The files changed during the training.</exception>
    public static BaseLease ForWriting(BaseLease trained, BaseModel baseModel, UsedPrecision precision, string? device)
    {
        if (precision.OfTraining == precision)
            return trained;
        // Not to be cancelled: what was trained until then is to be had.
        BaseIdentity identity = trained.Base.Identity;
        trained.Dispose();
        BaseLease lease = Acquire(baseModel, precision, device);
        try
        {
            return lease.Base.Identity.Difference(identity) is not { } difference ? lease
                : throw new InvalidOperationException($"Base model '{lease.Base.Path}': expected the base that the"
                    + $" prefix was trained for, found another one: {difference}.");
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
            precision.Precision switch
            {
                ModelPrecision.AsStored => MatrixForm.AsStored,
                ModelPrecision.Int8 => MatrixForm.Int8,
                ModelPrecision.Int4 => MatrixForm.Int4,
                _ => MatrixForm.Wide,
            });
}
