using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>Where the state of a running training is kept. Reads and writes it whole or not at all.</summary>
internal interface ITrainingStateFile
{
    /// <summary>Path, for messages.</summary>
    string Path { get; }

    /// <summary>Finds out before training starts whether the file can be written.</summary>
    /// <exception cref="System.IO.IOException">It cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not.</exception>
    void Probe();

    /// <summary>The stored state; null where there is none.</summary>
    /// <exception cref="FormatException">The file is cut, altered or of another kind.</exception>
    StateContent? Read();

    /// <summary>Writes the state; after a kill at any moment the file is the whole old or the whole new one.</summary>
    void Write(StateContent content);
}

/// <summary>The stored form of a training's state.</summary>
/// <param name="Json">All but the tensors.</param>
/// <param name="Tensors">Parameters, moments and the best prefix by name.</param>
internal sealed record StateContent(string Json, IReadOnlyDictionary<string, StateTensor> Tensors);

/// <summary>A stored tensor.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Values">Its numbers, row-major.</param>
internal sealed record StateTensor(long[] Shape, float[] Values);
