using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019; the formula of torch.optim.AdamW) over few, packed
/// parameters, in place. Owns its moments; the parameters stay the parametrisation's.
/// </summary>
internal sealed class AdamW : IDisposable
{
    private readonly IReadOnlyList<NamedParameter> _parameters;
    private readonly TrainingOptions _options;
    private readonly Tensor[] _means;
    private readonly Tensor[] _squares;

    /// <summary>Starts with moments of zero.</summary>
    /// <param name="parameters">What is moved.</param>
    /// <param name="options">Betas, epsilon and weight decay.</param>
    public AdamW(IReadOnlyList<NamedParameter> parameters, TrainingOptions options)
    {
        (_parameters, _options) = (parameters, options);
        using var noGradient = no_grad();
        _means = parameters.Select(parameter => zeros_like(parameter.Value).DetachFromDisposeScope()).ToArray();
        _squares = parameters.Select(parameter => zeros_like(parameter.Value).DetachFromDisposeScope()).ToArray();
    }

    /// <summary>Parameters and moments under the names of a state file.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State
    {
        get
        {
            for (int i = 0; i < _parameters.Count; i++)
            {
                string name = _parameters[i].Name;
                yield return new($"parameter.{name}", _parameters[i].Value);
                yield return new($"mean.{name}", _means[i]);
                yield return new($"square.{name}", _squares[i]);
            }
        }
    }

    /// <summary>One update.</summary>
    /// <param name="gradients">One a parameter; changed in place.</param>
    /// <param name="update">Number of the update, from 1.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="factor">What gradients are multiplied with first: clipping.</param>
    public void Step(IReadOnlyList<Tensor> gradients, int update, double rate, double factor)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        double meanCorrection = 1 - Math.Pow(_options.Beta1, update);
        double squareCorrection = Math.Sqrt(1 - Math.Pow(_options.Beta2, update));
        // They change from step to step, so nothing else holds them.
        using Scalar clip = factor.ToScalar(), root = squareCorrection.ToScalar(), move = (-rate / meanCorrection)
            .ToScalar(),
            kept = (1 - rate * _options.WeightDecay).ToScalar();
        for (int i = 0; i < _parameters.Count; i++)
        {
            Tensor gradient = factor == 1 ? gradients[i] : gradients[i].mul_(clip);
            if (_options.WeightDecay != 0)
                _parameters[i].Value.mul_(kept);
            _means[i].lerp_(gradient, 1 - _options.Beta1);
            _squares[i].mul_(Scalars.Real(_options.Beta2)).addcmul_(gradient, gradient,
                Scalars.Real(1 - _options.Beta2));
            Tensor divisor = _squares[i].sqrt().div_(root).PlusInPlace(Scalars.Real(_options.Epsilon));
            _parameters[i].Value.addcdiv_(_means[i], divisor, move);
        }
    }

    /// <summary>What gradients of a norm are multiplied with; as torch.nn.utils.clip_grad_norm_.</summary>
    public double ClipFactor(double norm) =>
        _options.ClipNorm == 0 ? 1 : Math.Min(1, _options.ClipNorm / (norm + 1e-6));

    /// <summary>The L2 norm over all gradients, added up in double.</summary>
    public static double Norm(IReadOnlyList<Tensor> gradients)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return Math.Sqrt(gradients.Sum(gradient => gradient.to(ScalarType.Float64).square().sum().ToDouble()));
    }

    public void Dispose()
    {
        foreach (Tensor moment in _means.Concat(_squares))
            moment.Dispose();
    }
}
