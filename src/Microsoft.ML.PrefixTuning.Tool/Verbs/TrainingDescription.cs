using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A training summary in words.</summary>
internal static class TrainingDescription
{
    /// <summary>Its lines.</summary>
    public static IEnumerable<Described> Of(TrainingSummary summary)
    {
        yield return new("training", summary.IsUntrained ? "nothing was trained"
            : $"{OptionText.Kebab(summary.End.ToString())} after {CountText.Of(summary.Losses.Count, "step")},"
                + $" {CountText.Of(summary.Epochs, "epoch")}, {TimeText.Of(summary.Duration)}");
        yield return new("rows",
            FormattableString.Invariant($"{summary.TrainingRows:N0} for training{Sources(summary.TrainingSources)}, ")
            + FormattableString.Invariant(
                $"{summary.ValidationRows:N0} for validation{Sources(summary.ValidationSources)}")
            + (summary.TruncatedRows > 0 ? FormattableString.Invariant($", {summary.TruncatedRows:N0} cut") : ""));
        if (summary.Distillation is { } distillation)
            yield return new("distilled", CountText.Of(distillation.TeacherTokens, "token")
                + FormattableString.Invariant($" into {distillation.StudentTokens:N0}"));
        yield return new($"{summary.LossName} (nats a token)",
            FormattableString.Invariant($"{summary.BaseLoss:F4} without prefix, {summary.StartLoss:F4} untrained")
            + (summary.BestLoss is double best
                ? FormattableString.Invariant($", {best:F4} kept (step {summary.BestStep:N0})")
                : FormattableString.Invariant($", step {summary.BestStep:N0} kept")));
        if (summary.Drift is { } drift)
            yield return new("drift (nats a token)",
                FormattableString.Invariant($"{drift.Increase:+0.0000;-0.0000;0.0000} on plain text: ")
                + FormattableString.Invariant($"{drift.BaseLoss:F4} without prefix, {drift.PrefixLoss:F4} with it"));
        if (summary.TriggerWords is { } words)
            yield return new("trigger words", string.Join(' ', words.Select(BaseDescription.Quote)));
        yield return new("parameters",
            FormattableString.Invariant(
            $"{summary.TrainedParameters:N0} trained, {summary.StoredParameters:N0} stored"));
        yield return new("speed", FormattableString.Invariant($"{summary.TokensPerSecond:N0} tokens/s"));
        if (summary.Seed is int seed)
            yield return new("seed", FormattableString.Invariant($"{seed}"));
        if (summary.FailedSteps > 0)
            yield return new("failed steps", FormattableString.Invariant($"{summary.FailedSteps:N0}"));
    }

    private static string Sources(int? sources) =>
        sources is int known ? $" ({CountText.Of(known, "source")})" : "";
}
