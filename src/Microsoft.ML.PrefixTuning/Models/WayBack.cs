using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Functions of autograd on their way back. What is thrown there would have to cross native code and would end the
/// process: it is kept, the gradients are NaN, and who asked for them throws it. On the CPU the way back is the
/// caller's thread; a GPU has threads of its own, so that the step alone fails there, by its gradient.
/// </summary>
internal static class WayBack
{
    [ThreadStatic]
    private static Exception? s_fault;

    // The last function's. The engine refers to them itself as soon as the function has returned.
    [ThreadStatic]
    private static List<Tensor>? s_made;

    /// <summary>
    /// A function's gradients; NaN where something is thrown, such as for want of memory. They live until the next
    /// function is asked for its own, and the gradient that came in ends here: the dispose scope around the way back
    /// would hold those of all layers.
    /// </summary>
    /// <param name="make">Makes them, in the order of the shapes.</param>
    /// <param name="gradient">That of the function's result; their type and device.</param>
    /// <param name="shapes">Their shapes.</param>
    public static List<Tensor> Guarded(Func<List<Tensor>> make, Tensor gradient, params long[][] shapes)
    {
        Forget();
        List<Tensor> made = Made(make, gradient, shapes);
        // Those of a way back within this one.
        Forget();
        gradient.Dispose();
        return s_made = made;
    }

    /// <summary>Gradients as the engine makes them; what was thrown on their way is thrown here.</summary>
    /// <param name="made">What was made.</param>
    /// <param name="leaves">With respect to what.</param>
    /// <param name="ofMade">The gradient of each that was made.</param>
    /// <param name="keepsGraph">Whether there will be another way back.</param>
    /// <returns>One a leaf.</returns>
    public static Tensor[] Gradients(Tensor[] made, Tensor[] leaves, Tensor[] ofMade, bool keepsGraph = false)
    {
        // Of a way back that ended in the engine's own fault: not this one's.
        s_fault = null;
        Tensor[] gradients = [.. autograd.grad(made, leaves, ofMade, retain_graph: keepsGraph)];
        Forget();
        if (s_fault is { } fault)
        {
            s_fault = null;
            ExceptionDispatchInfo.Throw(fault);
        }
        return gradients;
    }

    private static List<Tensor> Made(Func<List<Tensor>> make, Tensor like, long[][] shapes)
    {
        try
        {
            return make();
        }
        catch (Exception fault)
        {
            s_fault ??= fault;
            using Tensor none = full([1], Scalars.Real(double.NaN), like.dtype, like.device);
            return [.. Array.ConvertAll(shapes, shape => none.expand(shape))];
        }
    }

    private static void Forget()
    {
        foreach (Tensor made in s_made ?? [])
            made.Dispose();
        s_made = null;
    }
}
