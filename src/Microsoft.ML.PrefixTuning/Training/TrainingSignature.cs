using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// What must be equal for a saved state to be gone on with: everything that has a part in the result.
/// </summary>
internal static class TrainingSignature
{
    /// <summary>Fields and their values as text, in the order in which differences are told.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Of(TrainingRun run)
    {
        TrainingOptions options = run.Options;
        return
        [
            new("base", run.BaseIdentity),
            new("precision", $"{run.Model.Type}"),
            new("device", $"{run.Model.Device.type}"),
            new("training rows", $"{run.Examples.Count}"),
            new("training rows' hash", Hash(run.Examples)),
            new("validation rows", $"{run.Validation.Count}"),
            new("validation rows' hash", Hash(run.Validation)),
            new("method", run.Parametrization.Description),
            new("start", run.StartIdentity),
            new("objective", run.Objective.Identity),
            new("prefix", string.Join(", ", run.Parametrization.Parameters.Select(
                parameter => $"{parameter.Name} [{string.Join(", ", parameter.Value.shape)}]"))),
            new("convention", $"{run.Parametrization.Convention}"),
            new(nameof(options.MaxEpochs), Text(options.MaxEpochs)),
            new(nameof(options.MaxSteps), Text(options.MaxSteps)),
            new(nameof(options.BatchSize), Text(options.BatchSize)),
            new(nameof(options.GradientAccumulation), Text(options.GradientAccumulation)),
            new(nameof(options.LearningRate), Text(run.LearningRate)),
            new(nameof(options.WarmupSteps), Text(options.WarmupSteps)),
            new(nameof(options.Decay), Text(options.Decay)),
            new(nameof(options.Beta1), Text(options.Beta1)),
            new(nameof(options.Beta2), Text(options.Beta2)),
            new(nameof(options.Epsilon), Text(options.Epsilon)),
            new(nameof(options.WeightDecay), Text(options.WeightDecay)),
            new(nameof(options.ClipNorm), Text(options.ClipNorm)),
            new(nameof(options.Averaging), Text(options.Averaging)),
            new(nameof(options.LabelSmoothing), Text(options.LabelSmoothing)),
            new(nameof(options.Loss), Text(options.Loss)),
            new(nameof(options.EarlyStopping), Text(options.EarlyStopping)),
            new(nameof(options.Seed), Text(run.Seed)),
            new(nameof(options.MaxFailedSteps), Text(options.MaxFailedSteps)),
        ];
    }

    private static string Text(object? value) => string.Create(CultureInfo.InvariantCulture, $"{value ?? "null"}");

    private static string Hash(IReadOnlyList<TrainingExample> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (TrainingExample row in rows)
        {
            // Lengths too, so that a token which moves from source to target is seen.
            int[] head = [row.Source.Length, row.Target.Length, row.Group];
            hash.AppendData(MemoryMarshal.AsBytes(head.AsSpan()));
            hash.AppendData(MemoryMarshal.AsBytes(row.Source.AsSpan()));
            hash.AppendData(MemoryMarshal.AsBytes(row.Target.AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
