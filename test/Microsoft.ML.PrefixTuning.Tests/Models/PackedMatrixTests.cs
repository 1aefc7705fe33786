using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Matrices of few bits: how near they are to what they were made of, and what their products do.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PackedMatrixTests
{
    private readonly TensorScope _scope = new();

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    [DataRow(10, 16)]
    [DataRow(7, 6)]
    [DataRow(33, 50)]
    public void Of_AMatrix_IsWithinHalfAStepOfIt(int rows, int columns)
    {
        Tensor numbers = Normal(1, rows, columns);
        numbers[2].zero_();
        Tensor steps = numbers.abs().amax([1], keepdim: true) / 127.0;
        Tensor difference = (Wide(Packed(numbers)) - numbers).abs();
        // The scale is rounded to bfloat16 first.
        Assert.IsTrue(difference.le(steps * 0.51).all().ToBoolean());
        Assert.AreEqual(0, Wide(Packed(numbers))[2].abs().max().item<float>());
    }

    [TestMethod]
    [DataRow(1, 10, 16)]
    [DataRow(5, 7, 6)]
    [DataRow(40, 33, 50)]
    public void Product_OfRows_IsWithinWhatTheStepsAllow(int count, int rows, int columns)
    {
        Tensor numbers = Normal(1, rows, columns), bias = Normal(3, rows);
        Tensor x = Normal(2, count, 1, columns).to(ScalarType.BFloat16).to(ScalarType.Float32);
        Int8Matrix matrix = Packed(numbers);
        Tensor exact = x.matmul(numbers.t());
        // Half a step a number, then the sum is rounded to bfloat16.
        Tensor allowed = x.abs().sum(-1, keepdim: true) * (numbers.abs().amax([1]) * (0.51 / 127));
        IsWithin(exact, matrix.Product(x, null), allowed + exact.abs() / 200);
        IsWithin(exact + bias, matrix.Product(x, bias), allowed + exact.abs() / 200);
        CollectionAssert.AreEqual(new long[] { count, 1, rows }, matrix.Product(x, bias).shape);
        Assert.AreEqual(ScalarType.Float32, matrix.Product(x, bias).dtype);
    }

    [TestMethod]
    public void Product_OfARow_HasTheSameBitsInAnyCompany()
    {
        Int8Matrix matrix = Packed(Normal(1, 100, 80));
        Tensor x = Normal(2, 33, 80);
        Tensor together = matrix.Product(x, null);
        for (int count = 1; count < 33; count += 3)
            AreSame(together.narrow(0, 0, count), matrix.Product(x.narrow(0, 0, count), null));
        AreSame(together[32], matrix.Product(x[32].unsqueeze(0), null)[0]);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(6)]
    public void Product_OnAnyProcessor_HasTheSameBits(int count)
    {
        // 5 blocks, the last of them in part: those that are taken together and those that are not.
        Tensor numbers = Normal(1, 75, 96), x = Normal(2, count, 96);
        Int8Matrix in8 = Packed(numbers);
        Int4Matrix in4 = Int4Matrix.Of("weight", new WideMatrix(numbers), Keep);
        AreSameOf<Int8Blocks>(in8.Blocks);
        AreSameOf<Int4Blocks>(in4.Blocks);

        void AreSameOf<TFormat>(Tensor blocks)
            where TFormat : struct, IBlockFormat =>
            AreSame(BlockProducts.Product<TFormat, PairedLanes>(x, blocks, 75),
                Lanes.AreWide ? BlockProducts.Product<TFormat, WideLanes>(x, blocks, 75)
                    : BlockProducts.Product<TFormat>(x, blocks, 75));
    }

    [TestMethod]
    public void Product_OnManyThreads_HasTheBitsOfOne()
    {
        Int8Matrix matrix = Packed(Normal(1, 2000, 96));
        Tensor x = Normal(2, 5, 96), alone = With(1);
        for (int turn = 0; turn < 20; turn++)
            AreSame(alone, With(4));

        Tensor With(int threads)
        {
            using TorchThreads used = TorchThreads.Use(threads);
            return matrix.Product(x, null);
        }
    }

    [TestMethod]
    public void Product_OfManyCallers_IsEachOnesOwn()
    {
        Int8Matrix matrix = Packed(Normal(1, 2000, 96));
        Tensor[] rows = [.. Enumerable.Range(0, 8).Select(i => Normal(10 + i, 3, 96))];
        Tensor[] alone = Array.ConvertAll(rows, row => matrix.Product(row, null));
        System.Threading.Tasks.Parallel.For(0, 8, i =>
        {
            using var noGradient = no_grad();
            for (int turn = 0; turn < 50; turn++)
            {
                using var scope = NewDisposeScope();
                AreSame(alone[i], matrix.Product(rows[i], null));
            }
        });
    }

    [TestMethod]
    public void Product_OfRowsThatLieApart_IsThatOfTheirCopy()
    {
        Int8Matrix matrix = Packed(Normal(1, 9, 32));
        Tensor x = Normal(2, 32, 4).t();
        AreSame(matrix.Product(x.contiguous(), null), matrix.Product(x, null));
    }

    [TestMethod]
    public void SelectAndBackProduct_AreOfTheMatrixItStandsFor()
    {
        Int8Matrix matrix = Packed(Normal(1, 12, 20));
        Tensor wide = Wide(matrix), y = Normal(2, 3, 12);
        Tensor ids = tensor([7L, 0L, 7L]);
        AreSame(wide.index_select(0, ids), matrix.Select(ids));
        Assert.ThrowsExactly<NotSupportedException>(() => matrix.Slice(3, 5));
        Tensor back = y.matmul(wide);
        IsWithin(back, matrix.BackProduct(y), 1e-5 * (back.abs() + 1));
    }

    [TestMethod]
    [DataRow(1, 10, 32)]
    [DataRow(5, 7, 6)]
    [DataRow(40, 33, 70)]
    public void Product_In4Bits_IsWithinWhatTheStepsAllow(int count, int rows, int columns)
    {
        Tensor numbers = Normal(1, rows, columns), bias = Normal(3, rows);
        Tensor x = Normal(2, count, 1, columns).to(ScalarType.BFloat16).to(ScalarType.Float32);
        Int4Matrix matrix = Int4Matrix.Of("weight", new WideMatrix(numbers), Keep);
        Tensor exact = x.matmul(numbers.t());
        // A group spans at most the row; scale and middle are rounded to bfloat16 beside half a step.
        Tensor span = numbers.amax([1]) - numbers.amin([1]);
        Tensor allowed = x.abs().sum(-1, keepdim: true) * (span * (0.55 / 15) + numbers.abs().amax([1]) / 256);
        IsWithin(exact, matrix.Product(x, null), allowed + exact.abs() / 200);
        IsWithin(exact + bias, matrix.Product(x, bias), allowed + exact.abs() / 200);
        IsWithin(numbers, Wide(matrix), (span * (0.55 / 15) + numbers.abs().amax([1]) / 128).unsqueeze(1));
        AreSame(matrix.Product(x, bias)[0], matrix.Product(x[0].unsqueeze(0), bias)[0]);
        AreSame(Wide(matrix).index_select(0, tensor([3L, 0L])), matrix.Select(tensor([3L, 0L])));
        CollectionAssert.AreEqual(new long[] { count, 1, rows }, matrix.Product(x, bias).shape);
    }

    [TestMethod]
    [DataRow("Q4_0")]
    [DataRow("Q4_1")]
    [DataRow("Q4_K")]
    public void Of_StepsOfAFile_KeepsThem(string type)
    {
        const int Rows = 5, Columns = 512;
        GgufType format = GgufType.Find(type)!;
        byte[] blocks = new byte[Rows * Columns / format.Elements * format.Bytes];
        new System.Random(3).NextBytes(blocks);
        // Scales and offsets of a good size, whatever stands behind them.
        for (int block = 0; block < blocks.Length; block += format.Bytes)
        {
            BinaryPrimitives.WriteHalfLittleEndian(blocks.AsSpan(block), (Half)(0.01 + block % 7 * 0.003));
            if (type != "Q4_0")
                BinaryPrimitives.WriteHalfLittleEndian(blocks.AsSpan(block + 2), (Half)(type == "Q4_1" ? -0.1 : 0.01));
        }
        float[] wide = new float[Rows * Columns];
        format.Decode!(blocks, wide);
        var steps = new StepRows(Rows, Columns);
        for (int row = 0; row < Rows; row++)
        {
            int bytes = blocks.Length / Rows;
            GgufSteps.Of(format)!(blocks.AsSpan(row * bytes, bytes), steps.StepsOf(row), steps.ScalesOf(row),
                steps.OffsetsOf(row));
        }
        for (int i = 0; i < wide.Length; i++)
        {
            int group = i / StepRows.Group;
            Assert.AreEqual(wide[i], steps.Scales[group] * steps.Steps[i] + steps.Offsets[group],
                1e-6 * (1 + Math.Abs(wide[i])), $"number {i}");
        }
        // What is left is the rounding of scale and middle to bfloat16, and of a number that is read back.
        using var space = new WideSpace(ScalarType.Float32, CPU);
        Int4Matrix matrix = Int4Matrix.Of("weight", new StoredMatrix(new Stored(steps, wide), 0, Rows, space), Keep);
        Tensor numbers = tensor(wide, [Rows, Columns]);
        IsWithin(numbers, Wide(matrix), numbers.abs().amax([1], keepdim: true) / 100);
        Tensor groups = numbers.view(Rows, -1, StepRows.Group);
        Tensor error = (groups - Wide(matrix).view(Rows, -1, StepRows.Group)).abs().amax([2]);
        Assert.IsTrue(error.le(tensor(steps.Scales).view(Rows, -1) * 0.1 + groups.abs().amax([2]) / 128).all()
            .ToBoolean());
    }

    [TestMethod]
    public void Product_ForAGradient_IsRefused()
    {
        Int8Matrix matrix = Packed(Normal(1, 4, 16));
        using var gradient = enable_grad();
        Tensor x = Normal(2, 1, 16).requires_grad_();
        Assert.Contains("for writing",
            Assert.ThrowsExactly<InvalidOperationException>(() => matrix.Product(x, null)).Message);
    }

    [TestMethod]
    [DataRow(8, "weight: expected at most 2,147,483,647 bytes of a matrix in 8 bits, found 4,294,967,296 (134,217,728"
        + " rows of 32 numbers). Take another Precision, such as BFloat16 or AsStored.")]
    [DataRow(4, "weight: expected at most 2,147,483,647 bytes of a matrix in 4 bits, found 2,684,354,560 (134,217,728"
        + " rows of 32 numbers). Take another Precision, such as BFloat16 or AsStored.")]
    public void Of_AMatrixOfMoreBytesThanASpanHolds_IsRefused(int bits, string message)
    {
        // One number, which all of its places show.
        var vast = new WideMatrix(zeros([1, 1], ScalarType.Float32).expand(1L << 27, 32));
        Assert.AreEqual(message, Assert.ThrowsExactly<NotSupportedException>(() =>
            _ = bits == 8 ? (FrozenMatrix)Int8Matrix.Of("weight", vast, Keep) : Int4Matrix.Of("weight", vast, Keep))
            .Message);
    }

    private static Int8Matrix Packed(Tensor numbers) =>
        Int8Matrix.Of("weight", new WideMatrix(numbers), tensor => tensor);

    private static Tensor Keep(Tensor tensor) => tensor.MoveToOuterDisposeScope();

    // [rows, columns] as it is read back, in float32.
    private static Tensor Wide(FrozenMatrix matrix)
    {
        var blocks = new List<Tensor>();
        matrix.ForEachBlock((_, block) => blocks.Add(block.clone()));
        return cat(blocks);
    }

    /// <summary>Rows that are stored as steps.</summary>
    private sealed class Stored(StepRows steps, float[] wide) : IStoredRows
    {
        public long Rows => wide.Length / Columns;

        public long Columns => 512;

        public bool HasSteps => true;

        public void Widen(Func<int, int> rowOf, Tensor target) => throw new NotSupportedException("Not wide.");

        public StepRows Steps(Func<int, int> rowOf, int count) => steps;
    }
}
