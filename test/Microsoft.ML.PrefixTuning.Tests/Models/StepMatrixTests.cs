using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Matrices in bfloat16 for single tokens: their products, and the rounding between the two types.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StepMatrixTests
{
    // Half of the distance between neighbours, as a share: a sum in float32 is rounded by so much at each column.
    private const double Rounding = 1.0 / (1 << 24);

    private readonly TensorScope _scope = new();

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    [DataRow(1, 10, 16)]
    [DataRow(5, 7, 6)]
    [DataRow(9, 75, 33)]
    [DataRow(40, 64, 50)]
    public void Product_OfOurOwn_IsThatOfItsNumbersWithoutRounding(int count, int rows, int columns)
    {
        Tensor numbers = Normal(1, rows, columns).to(ScalarType.BFloat16), bias = Normal(3, rows);
        Tensor x = Normal(2, count, 1, columns);
        RowMatrix matrix = OfRows(numbers);
        Tensor wide = numbers.to(ScalarType.Float64).t(), exact = x.to(ScalarType.Float64).matmul(wide);
        Tensor allowed = x.to(ScalarType.Float64).abs().matmul(wide.abs()) * ((columns + 1) * Rounding);
        IsWithin(exact, matrix.Product(x, null), allowed);
        IsWithin(exact + bias, matrix.Product(x, bias), allowed + (exact + bias).abs() * (2 * Rounding));
        CollectionAssert.AreEqual(new long[] { count, 1, rows }, matrix.Product(x, bias).shape);
        Assert.AreEqual(ScalarType.Float32, matrix.Product(x, bias).dtype);
    }

    [TestMethod]
    public void Product_OfOurOwn_HasTheSameBitsInAnyCompany()
    {
        RowMatrix matrix = OfRows(Normal(1, 100, 80).to(ScalarType.BFloat16));
        Tensor x = Normal(2, 33, 80), together = matrix.Product(x, null);
        for (int count = 1; count < 33; count += 3)
            AreSame(together.narrow(0, 0, count), matrix.Product(x.narrow(0, 0, count), null));
        AreSame(together[32], matrix.Product(x[32].unsqueeze(0), null)[0]);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(6)]
    public void Product_OfOurOwnOnAnyProcessor_HasTheSameBits(int count)
    {
        Tensor numbers = Normal(1, 75, 100).to(ScalarType.BFloat16), x = Normal(2, count, 1, 100);
        AreSame(RowProducts.Product<PairedLanes>(x, numbers), Lanes.AreWide
            ? RowProducts.Product<WideLanes>(x, numbers) : RowProducts.Product(x, numbers, null));
    }

    [TestMethod]
    public void Product_OfAPart_IsThatOfItsCopy()
    {
        Tensor numbers = Normal(1, 50, 24).to(ScalarType.BFloat16), part = numbers.narrow(0, 3, 20);
        Tensor x = Normal(3, 2, 24);
        AreSame(OfRows(part.clone()).Product(x, null), OfRows(part).Product(x, null));
        Assert.IsTrue(RowMatrix.Suits(new WideMatrix(part)));
        Assert.IsFalse(RowMatrix.Suits(new WideMatrix(numbers.t())), "not as it lies");
    }

    [TestMethod]
    public void Product_Rounded_IsTorchsOfRoundedRows()
    {
        Tensor numbers = Normal(1, 40, 32).to(ScalarType.BFloat16), bias = Normal(3, 40), x = Normal(2, 5, 32);
        Tensor wanted = nn.functional.linear(x.to(ScalarType.BFloat16), numbers).to(ScalarType.Float32);
        var matrix = new RoundedMatrix(new WideMatrix(numbers));
        AreSame(wanted, matrix.Product(x, null));
        AreSame(wanted + bias, matrix.Product(x, bias));
        CollectionAssert.AreEqual(new long[] { 5, 1, 40 }, matrix.Product(x.unsqueeze(1), bias).shape);
    }

    [TestMethod]
    [DataRow(nameof(StepForm.Rows))]
    [DataRow(nameof(StepForm.Whole))]
    public void Members_AreOfTheMatrixItIsMadeOf(string form)
    {
        Tensor numbers = Normal(1, 12, 20).to(ScalarType.BFloat16), wide = numbers.to(ScalarType.Float32);
        StepMatrix matrix = form == nameof(StepForm.Rows) ? OfRows(numbers)
            : new RoundedMatrix(new WideMatrix(numbers));
        Tensor ids = tensor([7L, 0L, 7L]), y = Normal(2, 3, 12);
        AreSame(wide.index_select(0, ids), matrix.Select(ids));
        AreSame(y.to(ScalarType.BFloat16).matmul(numbers).to(ScalarType.Float32), matrix.BackProduct(y));
        var blocks = new List<Tensor>();
        matrix.ForEachBlock((_, block) => blocks.Add(block.clone()));
        AreSame(wide, cat(blocks));
        Assert.AreEqual((12L, 20L, ScalarType.Float32), (matrix.Rows, matrix.Columns, matrix.Type));
        Assert.ThrowsExactly<NotSupportedException>(() => matrix.Slice(3, 5));
        using var gradient = enable_grad();
        Tensor x = Normal(2, 1, 20).requires_grad_();
        Assert.Contains("for writing",
            Assert.ThrowsExactly<InvalidOperationException>(() => matrix.Product(x, null)).Message);
    }

    [TestMethod]
    public void Narrow_OfNumbers_IsTorchs()
    {
        // Half way between two neighbours below an even and below an odd one, and what becomes infinite.
        Tensor numbers = cat([Normal(1, 1000) * 1e3, tensor((float[])[0, 1 + 1f / 256, 1 + 3f / 256,
            -1 - 1f / 256, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, 1e-40f])]);
        Tensor narrow = RowKernels.Narrow(numbers);
        AreSame(numbers.to(ScalarType.BFloat16).to(ScalarType.Float32), narrow.to(ScalarType.Float32));
        Assert.AreEqual(ScalarType.BFloat16, narrow.dtype);
        // Without its lower half it would be infinite.
        Tensor none = tensor(Enumerable.Repeat(BitConverter.UInt32BitsToSingle(0x7F800001), 17).ToArray());
        Tensor found = RowKernels.Narrow(none).to(ScalarType.Float32);
        Assert.IsTrue(found.ne(found).all().ToBoolean());
    }

    [TestMethod]
    public void Narrow_InAnyForm_HasTheSameBits()
    {
        AssertNarrow<PairedLanes>();
        if (Lanes.AreWide)
            AssertNarrow<WideLanes>();
    }

    [TestMethod]
    [DataRow(5)]
    [DataRow(600_003)]
    public void Wide_OfNumbers_IsTorchs(int count)
    {
        Tensor narrow = Normal(1, count).to(ScalarType.BFloat16);
        AreSame(narrow.to(ScalarType.Float32), RowKernels.Wide(narrow));
    }

    private static unsafe void AssertNarrow<T>()
        where T : struct, ILanes<T>
    {
        float[] numbers = [.. new SeededRandom(1, RandomPurpose.Start).Normal(Lanes.Count, 1)];
        (numbers[2], numbers[9], numbers[14]) = (float.NaN, 1 + 1f / 256, float.MaxValue);
        var narrow = new ushort[Lanes.Count];
        fixed (float* from = numbers)
        fixed (ushort* to = narrow)
            T.StoreBFloat16(T.Load(from), to);
        CollectionAssert.AreEqual(Array.ConvertAll(numbers, Lanes.Narrow), narrow);
    }

    private static RowMatrix OfRows(Tensor numbers) => new(new WideMatrix(numbers));
}
