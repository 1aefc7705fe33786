using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>
/// A frozen model's graph in which some tensors move: float32 masters in one flat tensor, and what the graph reads of
/// them in the type of the computation. What does not move is the frozen model's own. Owns what moves.
/// </summary>
internal abstract class TunedWeights : IMovableWeights, IDisposable
{
    private readonly List<Tensor> _masters;
    private readonly Tensor[] _leaves;
    private readonly Tensor? _head;
    private readonly bool _isTied;
    private readonly bool _isHeadMoved;

    /// <summary>Copies the start of what moves.</summary>
    /// <param name="frozen">The base; stays its owner's and must outlive this.</param>
    /// <param name="weights">The base's weights with the leaves in them.</param>
    /// <param name="leaves">What the graph reads of what moves; taken over.</param>
    /// <param name="start">Numbers that move, in groups; stay the caller's.</param>
    protected TunedWeights(LanguageModel frozen, ModelWeights weights, IReadOnlyList<Tensor> leaves,
        IReadOnlyList<Tensor> start)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Master = cat([.. start.Select(value => value.to(ScalarType.Float32).flatten())]).DetachFromDisposeScope();
        _masters = [];
        long offset = 0;
        foreach (Tensor value in start)
        {
            _masters.Add(Master.narrow(0, offset, value.numel()).view(value.shape).DetachFromDisposeScope());
            offset += value.numel();
        }
        _leaves = [.. leaves];
        foreach (Tensor leaf in _leaves)
            leaf.requires_grad_();
        Model = new LanguageModel(frozen.Spec, weights);
        _head = (weights.Head as WideMatrix)?.Tensor;
        _isTied = ReferenceEquals(_head, (weights.Embedding as WideMatrix)?.Tensor);
        _isHeadMoved = _leaves.Any(leaf => ReferenceEquals(leaf, _head));
        if (_isHeadMoved && frozen.Spec.Head.Scale != 1)
        {
            throw new NotSupportedException(
                $"A head that moves: expected logits without a factor, found {frozen.Spec.Head.Scale}.");
        }
    }

    public abstract string Method { get; }

    public LanguageModel Model { get; }

    public Tensor Master { get; }

    /// <summary>The numbers that move, in their groups, views of <see cref="Master"/>.</summary>
    protected IReadOnlyList<Tensor> Masters => _masters;

    /// <summary>What the graph reads of them.</summary>
    protected IReadOnlyList<Tensor> Leaves => _leaves;

    public void Refresh()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Write();
    }

    public (double Sum, Tensor Gradient) Gradient(TargetStates states)
    {
        Tensor? ofHead = null;
        double sum;
        Tensor ofHidden;
        if (_isHeadMoved)
            (sum, ofHidden, ofHead) = FullLoss.WithGradient(Model, states);
        else
            (sum, ofHidden) = TargetLoss.WithGradient(Model, states.Hidden, states.Labels, smoothing: 0);
        // A head of its own is behind the hidden states; a tied one is in front of them too.
        Tensor[] inGraph = [.. _leaves.Where(leaf => !ReferenceEquals(leaf, _head) || _isTied)];
        Tensor[] found = WayBack.Gradients([states.Hidden], inGraph, [ofHidden]);
        using var noGradient = no_grad();
        Tensor[] all = [.. _leaves.Select(leaf =>
        {
            int place = Array.FindIndex(inGraph, other => ReferenceEquals(other, leaf));
            Tensor? own = place < 0 ? null : found[place].to(ScalarType.Float32);
            return !ReferenceEquals(leaf, _head) ? own! : own is null ? ofHead! : own + ofHead!;
        })];
        return (sum, cat([.. OfMasters(all).Select(part => part.flatten())]));
    }

    public void Dispose()
    {
        Model.Dispose();
        foreach (Tensor tensor in _masters.Concat(_leaves))
            tensor.Dispose();
        Master.Dispose();
    }

    /// <summary>Writes what the masters come to into the leaves.</summary>
    protected abstract void Write();

    /// <summary>From gradients of the leaves to those of the masters, float32.</summary>
    protected abstract IEnumerable<Tensor> OfMasters(IReadOnlyList<Tensor> ofLeaves);
}

/// <summary>Notes what of a graph moves while its weights are put together.</summary>
internal sealed class LeafMaker
{
    private readonly List<(Tensor Start, Tensor Leaf)> _made = [];

    /// <summary>What the graph reads.</summary>
    public IReadOnlyList<Tensor> Leaves => [.. _made.Select(one => one.Leaf)];

    /// <summary>What it starts from.</summary>
    public IReadOnlyList<Tensor> Starts => [.. _made.Select(one => one.Start)];

    /// <summary>A leaf that starts as a tensor, in its type; the same one for the same tensor.</summary>
    public Tensor Copy(Tensor start)
    {
        foreach ((Tensor known, Tensor made) in _made)
        {
            if (ReferenceEquals(known, start))
                return made;
        }
        using var noGradient = no_grad();
        Tensor leaf = start.clone().DetachFromDisposeScope();
        _made.Add((start, leaf));
        return leaf;
    }
}
