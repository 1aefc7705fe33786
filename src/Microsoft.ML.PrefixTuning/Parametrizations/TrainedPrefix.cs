using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>What the optimiser moves, and how it becomes a prefix. Owns its parameters.</summary>
/// <param name="convention">What the prefix does to the tokens behind it.</param>
internal abstract class TrainedPrefix(PrefixConvention convention) : IDisposable
{
    private readonly List<NamedParameter> _parameters = [];

    /// <summary>What the prefix does to the tokens behind it; stored with the baked one.</summary>
    public PrefixConvention Convention => convention;

    /// <summary>All that is trained, in an order that does not change.</summary>
    public IReadOnlyList<NamedParameter> Parameters => _parameters;

    /// <summary>Numbers that are trained; a baked prefix may hold fewer or more.</summary>
    public long TrainedCount => _parameters.Sum(parameter => parameter.Value.numel());

    /// <summary>Highest learning rate where the options name none.</summary>
    public virtual double DefaultLearningRate => 0.02;

    /// <summary>
    /// What must be equal for a saved training to be gone on with, beside the parameters: a name of its own, which
    /// state files hold, and what else decides the numbers.
    /// </summary>
    public abstract string Description { get; }

    /// <summary>K: prefixes that are trained together, of which each row takes one.</summary>
    public virtual int Groups => 1;

    /// <summary>The prefix of every site as a differentiable function of the parameters; once a step.</summary>
    /// <param name="dropout">Numbers for dropout; null outside of training.</param>
    /// <returns>
    /// [N, 2, G, P, D] a site, float32; [N, 2, K, G, P, D] where there are several groups; [N, 1, H, D, D] of a memory.
    /// Owned by the current dispose scope.
    /// </returns>
    public abstract IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null);

    /// <summary>The prefix as generation takes it.</summary>
    /// <param name="group">Which of several.</param>
    public Prefix Bake(int group = 0)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return Bake(Materialize(), group);
    }

    /// <summary>The baked form of materialised sites.</summary>
    /// <param name="sites">As <see cref="Materialize"/> gives them.</param>
    /// <param name="group">Which of several.</param>
    public Prefix Bake(IReadOnlyDictionary<AttentionSite, Tensor> sites, int group = 0)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return PrefixTensors.Bake(sites.Select(site => KeyValuePair.Create(site.Key, OfGroup(site.Value, group))),
            convention);
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        foreach (NamedParameter parameter in _parameters)
            parameter.Value.Dispose();
        DisposeFixed();
    }

    /// <summary>Frees what a parametrisation holds beside its parameters.</summary>
    protected virtual void DisposeFixed()
    {
    }

    /// <summary>Makes a trained tensor.</summary>
    /// <param name="name">Its name in a state file.</param>
    /// <param name="values">Its starting values.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="device">Where it lies.</param>
    protected Tensor Train(string name, float[] values, long[] shape, Device device) =>
        Train(name, AlignedTensor.Of(values, shape, device));

    /// <summary>Takes a tensor as a trained one.</summary>
    /// <param name="name">Its name in a state file.</param>
    /// <param name="values">Its starting values, float32; owned from here on.</param>
    protected Tensor Train(string name, Tensor values)
    {
        Tensor parameter = values.DetachFromDisposeScope().requires_grad_();
        _parameters.Add(new NamedParameter(name, parameter));
        return parameter;
    }

    private Tensor OfGroup(Tensor site, int group) => Groups == 1 ? site : site.select(SitePrefixes.GroupAxis, group);
}

/// <summary>A trained tensor and its name in a state file.</summary>
internal sealed record NamedParameter(string Name, Tensor Value);
