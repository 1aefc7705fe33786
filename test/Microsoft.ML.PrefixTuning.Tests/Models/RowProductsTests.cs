using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Products of one new token a row, against exact ones; a row's bits in any company.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowProductsTests
{
    private readonly TensorScope _scope = new();

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    public void Suits_OneTokenOfFloat32WithoutGradient_Alone()
    {
        Tensor weight = Normal(1, 6, 8);
        Assert.IsTrue(RowProducts.Suits(Normal(2, 3, 1, 8), weight));
        Assert.IsFalse(RowProducts.Suits(Normal(2, 3, 2, 8), weight), "two tokens");
        Assert.IsFalse(RowProducts.Suits(Normal(2, 3, 8), weight), "no tokens");
        Assert.IsFalse(RowProducts.Suits(Normal(2, 3, 1, 8), Normal(1, 8, 6).t()), "not as it lies");
        Assert.IsFalse(RowProducts.Suits(Normal(2, 3, 1, 8), weight.to(ScalarType.BFloat16)), "bfloat16");
        using var gradient = enable_grad();
        Assert.IsFalse(RowProducts.Suits(Normal(2, 3, 1, 8), weight), "with a gradient");
    }

    [TestMethod]
    [DataRow(1, 64, 40)]
    [DataRow(5, 21, 7)]
    [DataRow(9, 6, 33)]
    [DataRow(4, 576, 3)]
    public void Product_OfRows_IsTheSumOfProducts(int count, int columns, int outputs)
    {
        Tensor x = Normal(1, count, 1, columns), weight = Normal(2, outputs, columns), bias = Normal(3, outputs);
        Tensor exact = x.to(ScalarType.Float64).matmul(weight.to(ScalarType.Float64).t());
        Near(exact.to(ScalarType.Float32), RowProducts.Product(x, weight, null));
        Near((exact + bias).to(ScalarType.Float32), RowProducts.Product(x, weight, bias));
    }

    [TestMethod]
    public void Product_OfRowsThatLieApart_IsThatOfTheirCopy()
    {
        Tensor x = Normal(1, 1, 3, 40).transpose(0, 1), weight = Normal(2, 8, 40);
        AreSame(RowProducts.Product(x.contiguous(), weight, null), RowProducts.Product(x, weight, null));
    }

    [TestMethod]
    public void Product_OfARow_HasTheSameBitsInAnyCompany()
    {
        Tensor x = Normal(1, 33, 1, 83), weight = Normal(2, 101, 83);
        Tensor together = RowProducts.Product(x, weight, null);
        for (int count = 1; count < 33; count += 3)
            AreSame(together.narrow(0, 0, count), RowProducts.Product(x.narrow(0, 0, count), weight, null));
        AreSame(together.narrow(0, 32, 1), RowProducts.Product(x.narrow(0, 32, 1), weight, null));
        AreSame(together.narrow(2, 5, 30).contiguous(), RowProducts.Product(x, weight.narrow(0, 5, 30), null));
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(6)]
    public void Product_OnAnyProcessor_HasTheSameBits(int count)
    {
        Tensor x = Normal(1, count, 1, 91), weight = Normal(2, 37, 91);
        AreSame(RowProducts.Product<PairedLanes>(x, weight), Lanes.AreWide
            ? RowProducts.Product<WideLanes>(x, weight) : RowProducts.Product(x, weight, null));
    }

    [TestMethod]
    public void Product_OnManyThreads_HasTheBitsOfOne()
    {
        Tensor x = Normal(1, 5, 1, 96), weight = Normal(2, 2000, 96), alone = With(1);
        for (int turn = 0; turn < 20; turn++)
            AreSame(alone, With(4));

        Tensor With(int threads)
        {
            using TorchThreads used = TorchThreads.Use(threads);
            return RowProducts.Product(x, weight, null);
        }
    }
}
