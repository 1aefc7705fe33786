using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Tensors with numbers from seeds, and how near two of them are.</summary>
internal static class TestTensors
{
    /// <summary>Numbers of the normal distribution.</summary>
    public static Tensor Normal(int seed, params long[] shape) =>
        tensor(new SeededRandom(seed, RandomPurpose.Start).Normal(shape.Aggregate(1L, (a, b) => a * b), 1), shape);

    /// <summary>The same shape and numbers.</summary>
    public static void AreSame(Tensor wanted, Tensor found)
    {
        CollectionAssert.AreEqual(wanted.shape, found.shape);
        Assert.IsTrue(wanted.eq(found).all().ToBoolean());
    }

    /// <summary>Each number so near as a tensor allows it.</summary>
    public static void IsWithin(Tensor wanted, Tensor found, Tensor allowed) =>
        Assert.IsTrue((wanted - found).abs().le(allowed).all().ToBoolean());

    /// <summary>The same shape and type, and numbers that differ by a share of the largest at most.</summary>
    public static void Near(Tensor wanted, Tensor found, double tolerance = 2e-6)
    {
        CollectionAssert.AreEqual(wanted.shape, found.shape);
        Assert.AreEqual(wanted.dtype, found.dtype);
        double scale = 1 + wanted.abs().max().to(ScalarType.Float32).item<float>();
        Tensor difference = (wanted - found).to(ScalarType.Float32).abs();
        // What is no number is near none.
        Assert.IsTrue(difference.le(tolerance * scale).all().ToBoolean(),
            $"expected a difference of {tolerance * scale} at most, found {difference.max().item<float>()}");
    }
}

/// <summary>A dispose scope without gradients, as a test of what writes has it.</summary>
internal sealed class TensorScope : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _noGradient = no_grad();

    public void Dispose()
    {
        _noGradient.Dispose();
        _scope.Dispose();
    }
}
