using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>
/// The library's graph over weights that move: float32 masters in one flat tensor, and the copies the graph reads, in
/// the type of the computation. Owns both.
/// </summary>
internal sealed class TrainableModel : IMovableWeights, IDisposable
{
    private readonly Dictionary<string, Tensor> _masters = [];
    private readonly List<(string Name, Tensor Leaf)> _leaves;

    /// <summary>Copies starting weights.</summary>
    /// <param name="spec">The graph.</param>
    /// <param name="names">Names of its weights.</param>
    /// <param name="start">Weights by full name; stay the caller's.</param>
    /// <param name="type">Type of the computation: Float32 or BFloat16.</param>
    public TrainableModel(TransformerSpec spec, TensorNames names, IEnumerable<KeyValuePair<string, Tensor>> start,
        ScalarType type)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        KeyValuePair<string, Tensor>[] all = [.. start];
        Master = cat([.. all.Select(entry => entry.Value.to(ScalarType.Float32).flatten())]).DetachFromDisposeScope();
        long offset = 0;
        foreach ((string name, Tensor value) in all)
        {
            _masters.Add(name, Master.narrow(0, offset, value.numel()).view(value.shape).DetachFromDisposeScope());
            offset += value.numel();
        }
        var source = new MasterSource(_masters);
        Model = new LanguageModel(spec, WeightBinder.Bind(spec, names, source, type, CPU));
        _leaves = source.Read;
        foreach ((_, Tensor leaf) in _leaves)
            leaf.requires_grad_();
    }

    public string Method => "all weights";

    /// <summary>The graph.</summary>
    public LanguageModel Model { get; }

    /// <summary>
    /// All weights, float32, [numbers]. After a change the graph must be told: <see cref="Refresh"/>.
    /// </summary>
    public Tensor Master { get; }

    /// <summary>Weights by name, views of <see cref="Master"/>.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters => _masters;

    /// <summary>What the graph reads, one a weight.</summary>
    public IEnumerable<Tensor> Leaves => _leaves.Select(leaf => leaf.Leaf);

    /// <summary>Copies the masters to where the graph reads.</summary>
    public void Refresh()
    {
        using var noGradient = no_grad();
        foreach ((string name, Tensor leaf) in _leaves)
            leaf.copy_(_masters[name]);
    }

    public (double Sum, Tensor Gradient) Gradient(TargetStates states) => FullGradient.Of(this, states);

    /// <summary>Gradients as they lie in <see cref="Master"/>, float32, [numbers].</summary>
    /// <param name="gradients">One a leaf.</param>
    public Tensor Flatten(IReadOnlyList<Tensor> gradients)
    {
        Dictionary<string, Tensor> byName = _leaves.Select((leaf, i) => (leaf.Name, Gradient: gradients[i]))
            .ToDictionary(entry => entry.Name, entry => entry.Gradient);
        return cat([.. _masters.Keys.Select(name => byName[name].to(ScalarType.Float32).flatten())]);
    }

    public void Dispose()
    {
        Model.Dispose();
        foreach (Tensor master in _masters.Values)
            master.Dispose();
        Master.Dispose();
    }

    /// <summary>Hands the masters to the binder, and notes which copy it took of which.</summary>
    private sealed class MasterSource(IReadOnlyDictionary<string, Tensor> masters) : ITensorSource
    {
        public string Name => "weights in memory";

        public IReadOnlyCollection<string> TensorNames { get; } = masters.Keys.ToHashSet(StringComparer.Ordinal);

        public List<(string Name, Tensor Leaf)> Read { get; } = [];

        public TensorInfo Describe(string tensor) => new(tensor, "F32", masters[tensor].shape, Name, IsFloating: true);

        Tensor ITensorSource.Read(string tensor, ScalarType type)
        {
            Tensor copy = masters[tensor].to(type, copy: true);
            Read.Add((tensor, copy));
            return copy;
        }

        // They are checked as gradients are.
        Tensor ITensorSource.ReadFinite(string tensor, ScalarType type) => ((ITensorSource)this).Read(tensor, type);

        public string ContentHash() => throw new NotSupportedException("Weights that move have no identity.");

        public void Dispose()
        {
        }
    }
}
