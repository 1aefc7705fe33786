using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>How far a pretraining is, in a file from which it goes on after a stop.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Seconds">Time they took.</param>
/// <param name="Tokens">Target tokens learned from.</param>
internal sealed record PretrainingState(int Step, double Seconds, long Tokens)
{
    private const string Run = "run";

    /// <summary>Writes the state, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="run">What was asked for; a state goes on only under the same.</param>
    /// <param name="trainer">Weights and moments.</param>
    public void Write(string path, string run, FullTrainer trainer)
    {
        var metadata = new Dictionary<string, string>
        {
            [Run] = run,
            [nameof(Step)] = Step.ToString(CultureInfo.InvariantCulture),
            [nameof(Seconds)] = Seconds.ToString("R", CultureInfo.InvariantCulture),
            [nameof(Tokens)] = Tokens.ToString(CultureInfo.InvariantCulture),
        };
        AtomicFile.Write(path, stream => SafeTensorsWriter.Write(stream,
            trainer.Optimizer.State.Select(entry => SafeTensorsContent.Of(entry.Key, entry.Value)), metadata));
    }

    /// <summary>Reads a state into weights and moments; a beginning where there is no file.</summary>
    /// <inheritdoc cref="Write"/>
    /// <exception cref="InvalidOperationException">The file belongs to another run.</exception>
    public static PretrainingState Read(string path, string run, FullTrainer trainer)
    {
        if (!File.Exists(path))
            return new PretrainingState(0, 0, 0);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        if (file.Metadata[Run] != run)
            throw new InvalidOperationException(
                $"'{path}': expected the state of the run {run}, found that of {file.Metadata[Run]}.");
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach ((string name, Tensor value) in trainer.Optimizer.State)
            value.copy_(file.Read(name, ScalarType.Float32));
        var state = new PretrainingState(Whole(nameof(Step)),
            double.Parse(file.Metadata[nameof(Seconds)], CultureInfo.InvariantCulture),
            Whole(nameof(Tokens)));
        trainer.Updates = state.Step;
        return state;

        int Whole(string key) => int.Parse(file.Metadata[key], CultureInfo.InvariantCulture);
    }
}
