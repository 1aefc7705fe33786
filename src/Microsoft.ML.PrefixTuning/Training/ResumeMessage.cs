using System;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a user is told of a training whose state was found: it goes on, or has nothing left to do.</summary>
internal static class ResumeMessage
{
    private const string GoesOn = "Training goes on from step ", WasComplete = "The training was already complete";

    /// <summary>The sentence.</summary>
    /// <param name="steps">Steps done.</param>
    /// <param name="total">Steps in all, if nothing stops earlier.</param>
    /// <param name="isComplete">Whether it ended.</param>
    /// <param name="path">Where the state is.</param>
    public static string Of(int steps, int total, bool isComplete, string path) => isComplete
        ? FormattableString.Invariant($"{WasComplete}, after {steps} of {total} steps: its state is in '{path}'.")
        : FormattableString.Invariant($"{GoesOn}{steps} of {total}: its state was in '{path}'.");

    /// <summary>Whether a message is one of these.</summary>
    public static bool Is(string message) => message.StartsWith(GoesOn, StringComparison.Ordinal)
        || message.StartsWith(WasComplete, StringComparison.Ordinal);
}
