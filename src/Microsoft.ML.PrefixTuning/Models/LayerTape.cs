using System;
using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The layers of one pass that keep nothing but their input: each is run a second time when its gradient is wanted
/// (Chen et al. 2016). Loss and gradient are those of kept layers to the last bit, since the same operations run in the
/// same order. For one gradient; its tensors belong to the dispose scope in which the pass is made.
/// </summary>
/// <remarks>
/// Not a function of the autograd engine: what is thrown between two layers, because training is cancelled, and what
/// the second run of a layer throws would have to cross native code there and end the process. Here it arrives at the
/// caller.
/// </remarks>
/// <param name="checkAlive">Called before every layer's gradient; throws to end training.</param>
internal sealed class LayerTape(Action? checkAlive = null)
{
    private readonly Stack<Layer> _layers = [];

    /// <summary>Runs a layer.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="sources">What else of the layer may want a gradient.</param>
    /// <param name="layer">The layer as a function of x.</param>
    /// <returns>[B, L, E], where gradients end.</returns>
    public Tensor Run(Tensor x, IReadOnlyList<Tensor> sources, Func<Tensor, Tensor> layer)
    {
        Tensor[] wanted = [.. sources.Prepend(x).Where(source => source.requires_grad)];
        using var scope = NewDisposeScope();
        // With gradients on: without them some products take another way, and the second run would not equal the first.
        Tensor output = layer(x).detach().MoveToOuterDisposeScope();
        if (wanted.Length > 0)
            _layers.Push(new Layer(x, wanted, layer, output.requires_grad_()));
        return output;
    }

    /// <summary>The gradient of something made from the pass; the layers are used up.</summary>
    /// <param name="result">What was made.</param>
    /// <param name="ofResult">Its gradient.</param>
    /// <param name="leaves">With respect to what.</param>
    /// <returns>One a leaf, in the caller's dispose scope.</returns>
    public Tensor[] Gradient(Tensor result, Tensor ofResult, IReadOnlyList<Tensor> leaves)
    {
        var known = new List<(Tensor Made, Tensor Gradient)> { (result, ofResult) };
        while (_layers.TryPop(out Layer? layer))
        {
            checkAlive?.Invoke();
            Tensor ofOutput = Of(layer.Output, known);
            known.AddRange(layer.Sources.Zip(layer.Gradient(ofOutput)));
            ofOutput.Dispose();
            layer.Output.Dispose();
        }
        return WayBack.Gradients([.. known.Select(one => one.Made)], [.. leaves],
            [.. known.Select(one => one.Gradient)]);
    }

    /// <summary>
    /// The gradient of a layer's output: that of the next layer's input, or, behind the last one, what flows back from
    /// all that was made since.
    /// </summary>
    private static Tensor Of(Tensor output, List<(Tensor Made, Tensor Gradient)> known)
    {
        int next = known.FindLastIndex(one => ReferenceEquals(one.Made, output));
        if (next < 0)
        {
            return WayBack.Gradients([.. known.Select(one => one.Made)], [output],
                [.. known.Select(one => one.Gradient)], keepsGraph: true)[0];
        }
        Tensor gradient = known[next].Gradient;
        known.RemoveAt(next);
        return gradient;
    }

    private sealed record Layer(Tensor Input, Tensor[] Sources, Func<Tensor, Tensor> Run, Tensor Output)
    {
        public Tensor[] Gradient(Tensor ofOutput)
        {
            using var scope = NewDisposeScope();
            using var gradientsOn = enable_grad();
            return Array.ConvertAll(WayBack.Gradients([Run(Input)], Sources, [ofOutput]),
                gradient => gradient.MoveToOuterDisposeScope());
        }
    }
}
