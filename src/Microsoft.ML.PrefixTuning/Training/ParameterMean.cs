using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Parametrizations;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// The mean of the parameters over the steps, newer ones counting more (Polyak and Juditsky 1992, in its exponential
/// form): what is validated and kept. Training itself goes on from the parameters. Owns the means.
/// </summary>
/// <param name="parameters">What is trained; the parametrisation's.</param>
/// <param name="kept">Share of the mean that a step leaves; 0 for no mean at all.</param>
/// <param name="growth">
/// Share of the updates so far that the mean reaches back at least: with it a step's part of the mean falls as 1 over
/// their number (polynomial-decay averaging; Shamir and Zhang 2013).
/// </param>
internal sealed class ParameterMean(IReadOnlyList<NamedParameter> parameters, double kept, double growth)
    : IDisposable
{
    private readonly Tensor[] _means = kept == 0 ? []
        : [.. parameters.Select(parameter => Copy(parameter.Value))];

    /// <summary>The means under the names of a state file.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State =>
        _means.Select((mean, i) => KeyValuePair.Create($"average.{parameters[i].Name}", mean));

    /// <summary>Takes the parameters in after an update.</summary>
    /// <param name="updates">
    /// Updates made, from 1: the mean over these is exact until it would reach too far back.
    /// </param>
    public void Take(int updates)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        for (int i = 0; i < _means.Length; i++)
            _means[i].lerp_(parameters[i].Value, Part(updates));
    }

    /// <summary>Runs something while the parameters have the values of their means.</summary>
    public T InPlace<T>(Func<T> function)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor[] values = [.. _means.Select((_, i) => parameters[i].Value.detach().clone())];
        Set(_means);
        try
        {
            return function();
        }
        finally
        {
            Set(values);
        }
    }

    public void Dispose()
    {
        foreach (Tensor mean in _means)
            mean.Dispose();
    }

    // It follows from the number of updates: a state file needs nothing more.
    private double Part(int updates) =>
        Math.Max(1.0 / updates, growth == 0 ? 1 - kept : Math.Min(1 - kept, 1 / (growth * updates)));

    // Nothing beside the copy: no scope may be open that would free it.
    private static Tensor Copy(Tensor parameter)
    {
        using var noGradient = no_grad();
        return parameter.clone().DetachFromDisposeScope();
    }

    private void Set(Tensor[] values)
    {
        for (int i = 0; i < values.Length; i++)
            parameters[i].Value.copy_(values[i]);
    }
}
