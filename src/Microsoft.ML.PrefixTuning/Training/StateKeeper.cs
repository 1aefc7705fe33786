using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>Where a running training is kept, and whether it could be.</summary>
/// <param name="learner">What is trained, with its run.</param>
internal sealed class StateKeeper(Learner learner)
{
    private string? _fault;

    /// <summary>Where the state is, or why it is nowhere: the end of a sentence.</summary>
    public string Place => learner.Run.State is not { } file ? "was not kept, for TrainingOptions.StateFile is not set."
        : _fault is null ? $"is in '{file.Path}'." : $"was not kept: {_fault}";

    /// <summary>
    /// Puts a saved training back; null where there is none. Of several processes the first one alone has the file.
    /// </summary>
    /// <param name="means">Takes the means over the steps, by name.</param>
    /// <param name="start">What is kept of the start: names and shapes of what is kept.</param>
    /// <exception cref="InvalidOperationException">The state belongs to another run.</exception>
    /// <exception cref="FormatException">The state contradicts itself.</exception>
    public (TrainingState State, IReadOnlyDictionary<string, StateTensor> Best)? Read(
        IEnumerable<KeyValuePair<string, Tensor>> means, IReadOnlyDictionary<string, StateTensor> start) =>
        learner.Run.State is { } file
            && learner.Run.Share.OfFirst(file.Read, StateMessage.Of, StateMessage.Read) is { } content
            ? TrainingStateCodec.Decode(learner, content, learner.State.Concat(means), start) : null;

    /// <summary>Writes the state; training goes on where that fails, for what was learned is in memory.</summary>
    /// <param name="state">Where the training stands.</param>
    /// <param name="means">The means over the steps, by name.</param>
    /// <param name="best">The best so far.</param>
    public void Write(TrainingState state, IEnumerable<KeyValuePair<string, Tensor>> means,
        IReadOnlyDictionary<string, StateTensor> best)
    {
        if (learner.Run.State is not { } file || !learner.Run.Share.IsFirst)
            return;
        try
        {
            file.Write(TrainingStateCodec.Encode(learner, state, learner.State.Concat(means), best));
            _fault = null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Once a fault, not once an interval.
            if (_fault != exception.Message)
            {
                learner.Run.Warn?.Invoke(
                    $"After step {state.Steps.Count} the state was not saved: {exception.Message}");
            }
            _fault = exception.Message;
        }
    }
}
