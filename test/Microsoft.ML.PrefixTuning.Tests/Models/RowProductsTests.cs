using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Products of one new token a row, against exact ones; a row's bits in any company.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowProductsTests
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _noGradient = no_grad();

    [TestCleanup]
    public void End()
    {
        _noGradient.Dispose();
        _scope.Dispose();
    }

    [TestMethod]
    public void Suits_OneTokenOfFloat32WithoutGradient_Alone()
    {
        Tensor weight = Random(1, 6, 8);
        Assert.IsTrue(RowProducts.Suits(Random(2, 3, 1, 8), weight));
        Assert.IsFalse(RowProducts.Suits(Random(2, 3, 2, 8), weight), "two tokens");
        Assert.IsFalse(RowProducts.Suits(Random(2, 3, 8), weight), "no tokens");
        Assert.IsFalse(RowProducts.Suits(Random(2, 3, 1, 8), Random(1, 8, 6).t()), "not as it lies");
        Assert.IsFalse(RowProducts.Suits(Random(2, 3, 1, 8), weight.to(ScalarType.BFloat16)), "bfloat16");
        using var gradient = enable_grad();
        Assert.IsFalse(RowProducts.Suits(Random(2, 3, 1, 8), weight), "with a gradient");
    }

    [TestMethod]
    [DataRow(1, 64, 40)]
    [DataRow(5, 21, 7)]
    [DataRow(9, 6, 33)]
    [DataRow(4, 576, 3)]
    public void Product_OfRows_IsTheSumOfProducts(int count, int columns, int outputs)
    {
        Tensor x = Random(1, count, 1, columns), weight = Random(2, outputs, columns), bias = Random(3, outputs);
        Tensor exact = x.to(ScalarType.Float64).matmul(weight.to(ScalarType.Float64).t());
        AssertNear(exact, RowProducts.Product(x, weight, null));
        AssertNear(exact + bias, RowProducts.Product(x, weight, bias));
    }

    [TestMethod]
    public void Product_OfRowsThatLieApart_IsThatOfTheirCopy()
    {
        Tensor x = Random(1, 1, 3, 40).transpose(0, 1), weight = Random(2, 8, 40);
        AssertSame(RowProducts.Product(x.contiguous(), weight, null), RowProducts.Product(x, weight, null));
    }

    [TestMethod]
    public void Product_OfARow_HasTheSameBitsInAnyCompany()
    {
        Tensor x = Random(1, 33, 1, 83), weight = Random(2, 101, 83);
        Tensor together = RowProducts.Product(x, weight, null);
        for (int count = 1; count < 33; count += 3)
            AssertSame(together.narrow(0, 0, count), RowProducts.Product(x.narrow(0, 0, count), weight, null));
        AssertSame(together.narrow(0, 32, 1), RowProducts.Product(x.narrow(0, 32, 1), weight, null));
        AssertSame(together.narrow(2, 5, 30).contiguous(), RowProducts.Product(x, weight.narrow(0, 5, 30), null));
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(6)]
    public void Product_OnAnyProcessor_HasTheSameBits(int count)
    {
        Tensor x = Random(1, count, 1, 91), weight = Random(2, 37, 91);
        AssertSame(RowProducts.Product<PairedLanes>(x, weight), Lanes.AreWide
            ? RowProducts.Product<WideLanes>(x, weight) : RowProducts.Product(x, weight, null));
    }

    [TestMethod]
    public void Product_OnManyThreads_HasTheBitsOfOne()
    {
        Tensor x = Random(1, 5, 1, 96), weight = Random(2, 2000, 96), alone = With(1);
        for (int turn = 0; turn < 20; turn++)
            AssertSame(alone, With(4));

        Tensor With(int threads)
        {
            using TorchThreads used = TorchThreads.Use(threads);
            return RowProducts.Product(x, weight, null);
        }
    }

    private static void AssertNear(Tensor exact, Tensor found)
    {
        CollectionAssert.AreEqual(exact.shape, found.shape);
        Assert.IsLessThan(2e-5, (exact - found).abs().max().ToDouble());
    }

    private static void AssertSame(Tensor expected, Tensor found) =>
        CollectionAssert.AreEqual(expected.data<float>().ToArray(), found.data<float>().ToArray());

    private static Tensor Random(int seed, params long[] shape)
    {
        var random = new Random(seed);
        float[] numbers = [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b))
            .Select(_ => (float)(random.NextDouble() * 2 - 1))];
        return tensor(numbers, shape);
    }
}
