using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using static Microsoft.ML.PrefixTuning.Models.NamedValue;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// What must be equal for a saved state to be gone on with: everything that has a part in the result, each under a name
/// of its own.
/// </summary>
/// <remarks>
/// State files hold this list, so names and texts are written here by hand; those of options are the names that a user
/// gives them. A new option is left out where it has no effect: then states of before are still gone on with.
/// </remarks>
internal static class TrainingSignature
{
    /// <summary>Name of the seed in the list.</summary>
    public const string SeedName = "Seed";

    private const string TrainedHash = "training rows' hash", ValidatedHash = "validation rows' hash";

    /// <summary>The list of a training, in the order in which differences are told.</summary>
    public static NamedValues Of(Learner learner) => new([.. Of(learner.Run), .. learner.Signature]);

    /// <summary>The list with options named as messages name them, by their record.</summary>
    public static NamedValues ForMessages(NamedValues signature) => new(signature.Select(pair => Named(
        char.IsUpper(pair.Key[0]) ? $"{nameof(TrainingOptions)}.{pair.Key}" : pair.Key, pair.Value)));

    /// <summary>Whether a difference of two lists is one of the tokens of as many rows.</summary>
    public static bool IsOfRows(string difference) =>
        difference.StartsWith(TrainedHash, StringComparison.Ordinal)
        || difference.StartsWith(ValidatedHash, StringComparison.Ordinal);

    /// <summary>
    /// What must be the same in all processes that train together: the list, and what decides who waits for whom or
    /// how numbers are rounded.
    /// </summary>
    public static NamedValues OfWorker(Learner learner) => new(
    [
        .. Of(learner).Select(pair => Named(pair.Key, pair.Value)),
        Named("WhenCancelled", learner.Run.Options.WhenCancelled.ToString()),
        Number("StateInterval", learner.Run.Options.StateInterval),
        If(learner.Run.State is not null, "StateFile is set"),
        Number("threads", get_num_threads()),
        Named("processor", Processor.Kind),
        Named("libtorch", __version__),
        Named("library", typeof(TrainingSignature).Module.ModuleVersionId.ToString()),
    ]);

    /// <summary>What a prefix does to the tokens.</summary>
    public static IEnumerable<NamedValue> Of(PrefixConvention convention) =>
    [
        Named("placement", convention.Placement switch
        {
            PrefixPlacement.Front => "front",
            PrefixPlacement.AfterSource => "after source",
            PrefixPlacement.BeforeLastSourceToken => "before last source token",
            PrefixPlacement.Beside => "beside",
            _ => throw new UnreachableException($"Placement {convention.Placement} has no name here."),
        }),
        If(convention.TakesPositions, "takes positions"),
        If(convention.CountsInWindow, "counts in window"),
        If(convention.HoldsBeginToken, "holds begin token"),
    ];

    private static IEnumerable<NamedValue> Of(TrainingRun run) =>
    [
        .. run.Base is { } identity ? Under("base.", identity.Values.Select(pair => Named(pair.Key, pair.Value))) : [],
        Named("precision", run.Model.Type == ScalarType.BFloat16 ? "bfloat16" : "float32"),
        If(run.Model.Weights.Space is not null, "base as stored"),
        Named("device", run.Model.Device.type.ToString().ToLowerInvariant()),
        NumberIfAny("decoder start", run.Model.Spec.Tokens.DecoderStart),
        Number(SeedName, run.Seed),
        Number("training rows", run.Examples.Count),
        Number("validation rows", run.Validation.Count),
        .. OfGroups(run),
        Named(TrainedHash, Hash(run.Examples)),
        Named(ValidatedHash, Hash(run.Validation)),
        Named("start", run.StartIdentity),
        Named("objective", run.Objective.Identity),
        .. Of(run.Options, run.LearningRate),
    ];

    private static IEnumerable<NamedValue> OfGroups(TrainingRun run) => run.GroupColumn is not { } column ? [] :
    [
        Named("attribute column", JsonSerializer.Serialize(column)),
        Named("attribute values", JsonSerializer.Serialize(run.GroupValues)),
    ];

    private static IEnumerable<NamedValue> Of(TrainingOptions options, double learningRate) =>
    [
        Number("MaxEpochs", options.MaxEpochs),
        NumberIfAny("MaxSteps", options.MaxSteps),
        Number("BatchSize", options.BatchSize),
        Unless(1, "GradientAccumulation", options.GradientAccumulation),
        Unless(TrainingOptions.DefaultTokensPerPass, "MaxTokensPerPass", options.MaxTokensPerPass),
        If(options.SharedSources, "SharedSources"),
        Number("LearningRate", learningRate),
        NumberIfAny("WarmupSteps", options.WarmupSteps),
        Named("Decay", options.Decay switch
        {
            LearningRateDecay.None => null,
            LearningRateDecay.Linear => "linear",
            LearningRateDecay.Cosine => "cosine",
            _ => throw new UnreachableException($"Decay {options.Decay} has no name here."),
        }),
        Number("Beta1", options.Beta1),
        Number("Beta2", options.Beta2),
        Number("Epsilon", options.Epsilon),
        Unless(0.0, "WeightDecay", options.WeightDecay),
        Unless(0.0, "ClipNorm", options.ClipNorm),
        Unless(0.0, "Averaging", options.Averaging),
        Unless(0.0, "AveragingGrowth", options.AveragingGrowth),
        Unless(0.0, "PrefixDropout", options.PrefixDropout),
        Unless(0.0, "LabelSmoothing", options.LabelSmoothing),
        Named("Loss", options.Loss switch
        {
            TrainingLoss.TokenMean => "token mean",
            TrainingLoss.SentenceSum => "sentence sum",
            _ => throw new UnreachableException($"Loss {options.Loss} has no name here."),
        }),
        NumberIfAny("EarlyStopping.Patience", options.EarlyStopping?.Patience),
        Unless(0.0, "EarlyStopping.MinDelta", options.EarlyStopping?.MinDelta ?? 0),
        Number("MaxFailedSteps", options.MaxFailedSteps),
    ];

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
