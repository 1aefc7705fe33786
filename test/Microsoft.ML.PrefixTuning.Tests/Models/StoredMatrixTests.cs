using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Matrices that are widened for each use do what wide ones do, and keep nothing of it.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StoredMatrixTests
{
    private const int Rows = 10, Columns = 6;

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _numbers = Normal(1, Rows, Columns);

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    [DataRow(ScalarType.Float32, 1000, 1e-6)]
    [DataRow(ScalarType.Float32, 20, 1e-6)]
    [DataRow(ScalarType.BFloat16, 1000, 0.02)]
    [DataRow(ScalarType.BFloat16, 20, 0.02)]
    public void Products_OfAMatrix_EqualTheWideOnes(ScalarType type, long most, double tolerance)
    {
        using WideSpace space = Space(type, most);
        var stored = new StoredMatrix(new StoredTensor(_numbers), 0, Rows, space);
        var wide = new WideMatrix(_numbers.to(type));
        Tensor x = Normal(2, 2, 3, Columns).to(type), y = Normal(3, 2, 3, Rows).to(type);
        Tensor bias = Normal(4, Rows).to(type);
        Near(wide.Product(x, bias), stored.Product(x, bias), tolerance);
        Near(wide.Product(x, null), stored.Product(x, null), tolerance);
        Near(wide.BackProduct(y), stored.BackProduct(y), tolerance);
        Tensor ids = tensor([7L, 0L, 7L]);
        Near(wide.Select(ids), stored.Select(ids), 0);
        FrozenMatrix part = stored.Slice(3, 5), widePart = wide.Slice(3, 5);
        Near(widePart.Product(x, null), part.Product(x, null), tolerance);
        Near(widePart.Select(tensor([4L])), part.Select(tensor([4L])), 0);
    }

    [TestMethod]
    [DataRow(1000)]
    [DataRow(20)]
    public void Gradient_ThroughTwoProducts_EqualsTheWideOneAndKeepsNothingWide(long most)
    {
        using WideSpace space = Space(ScalarType.Float32, most);
        var rows = new StoredTensor(_numbers);
        var first = new StoredMatrix(rows, 0, Rows, space);
        Tensor second = Normal(5, Columns, Rows), bias = Normal(6, Rows);
        var back = new StoredMatrix(new StoredTensor(second), 0, Columns, space);
        Tensor x = Normal(7, 2, 3, Columns).requires_grad_();

        long before = OwnTensors.Live;
        Tensor found = back.Product(first.Product(x, bias).tanh(), null).square().sum();
        int written = rows.Written.Count;
        Tensor gradient = autograd.grad([found], [x])[0];

        Assert.IsGreaterThan(written, rows.Written.Count, "the way back widens anew");
        Assert.IsLessThanOrEqualTo(Math.Min(most, Rows * Columns), rows.Written.Max());
        Tensor wanted = nn.functional.linear(nn.functional.linear(x, _numbers, bias).tanh(), second).square().sum();
        Near(autograd.grad([wanted], [x])[0], gradient, 1e-5);
        Assert.IsGreaterThan(before, OwnTensors.Live);
    }

    /// <summary>An exception that crossed native code would end the process.</summary>
    [TestMethod]
    public void Gradient_ThatFails_IsNoNumberAndThrowsBehindTheWayBack()
    {
        using WideSpace space = Space(ScalarType.Float32, 1000);
        var rows = new StoredTensor(_numbers);
        Tensor x = Normal(2, 1, Columns).requires_grad_();
        // Nobody asks for what this one throws.
        Tensor gradient = autograd.grad([Sum(new InsufficientMemoryException())], [x])[0];

        Assert.IsTrue(gradient.isnan().all().ToBoolean());
        CollectionAssert.AreEqual(x.shape, gradient.shape);
        Assert.ThrowsExactly<InvalidOperationException>(() => Gradient(new InvalidOperationException()));
        Assert.IsTrue(Gradient(null).isfinite().all().ToBoolean());

        Tensor Gradient(Exception? fault)
        {
            Tensor sum = Sum(fault);
            return WayBack.Gradients([sum], [x], [ones_like(sum)])[0];
        }

        // Only the way back fails.
        Tensor Sum(Exception? fault)
        {
            rows.Fault = null;
            Tensor sum = new StoredMatrix(rows, 0, Rows, space).Product(x, null).sum();
            rows.Fault = fault;
            return sum;
        }
    }

    [TestMethod]
    public void Gradients_BehindOnesThatNobodyAskedAbout_AreTheirOwn()
    {
        using WideSpace space = Space(ScalarType.Float32, 1000);
        var rows = new StoredTensor(_numbers);
        var matrix = new StoredMatrix(rows, 0, Rows, space);
        Tensor x = Normal(2, 1, Columns).requires_grad_();
        Tensor first = matrix.Product(x, null).sum(), second = matrix.Product(x, null).sum();
        rows.Fault = new InsufficientMemoryException();
        _ = autograd.grad([first], [x]);
        rows.Fault = null;

        Tensor gradient = WayBack.Gradients([second], [x], [ones_like(second)])[0];

        Assert.IsFalse(gradient.isnan().any().ToBoolean());
        Tensor third = matrix.Product(x, null).sum();
        rows.Fault = new InsufficientMemoryException();
        Assert.ThrowsExactly<InsufficientMemoryException>(
            () => WayBack.Gradients([third], [x], [ones_like(third)]));
    }

    [TestMethod]
    public void Product_ForAGradient_LeavesTheProductAlone()
    {
        using WideSpace space = Space(ScalarType.Float32, 1000);
        var matrix = new StoredMatrix(new StoredTensor(_numbers), 0, Rows, space);
        Tensor x = Normal(2, 1, Columns).requires_grad_();
        matrix.Product(x, null).Dispose();
        long before = OwnTensors.Live;
        Tensor product = matrix.Product(x, null);
        Assert.AreEqual(before + 1, OwnTensors.Live);
        Assert.HasCount((int)x.numel(), autograd.grad([product.sum()], [x])[0].data<float>().ToArray());
    }

    [TestMethod]
    public void Use_AfterUse_TakesTheSameMemory()
    {
        using WideSpace space = Space(ScalarType.Float32, 1000);
        var matrix = new StoredMatrix(new StoredTensor(_numbers), 0, Rows, space);
        FrozenMatrix small = matrix.Slice(0, 2);
        Tensor x = Normal(2, 1, Columns);
        using var noGradient = no_grad();
        using (NewDisposeScope())
            matrix.Product(x, null).Dispose();
        long before = OwnTensors.Live;
        for (int i = 0; i < 5; i++)
        {
            using var scope = NewDisposeScope();
            matrix.Product(x, null).Dispose();
            small.Product(x, null).Dispose();
        }
        Assert.AreEqual(before, OwnTensors.Live);
        nint first = space.Use(new WideRows(2, Columns, _ => { }), Place), second = Whole();
        Assert.AreEqual(first, second);
        Assert.AreNotEqual(first, space.Use(new WideRows(2, Columns, _ => { }), _ => Whole()), "taken twice at a time");

        nint Whole() => space.Use(new WideRows(Rows, Columns, _ => { }), Place);
    }

    [TestMethod]
    public void Use_ThatFails_GivesItsMemoryBack()
    {
        using WideSpace space = Space(ScalarType.Float32, 1000);
        var rows = new WideRows(2, Columns, _ => { });
        nint first = space.Use(rows, Place);
        Assert.ThrowsExactly<InvalidOperationException>(() =>
            space.Use<bool>(rows, _ => throw new InvalidOperationException()));
        Assert.AreEqual(first, space.Use(rows, Place));
    }

    private static unsafe nint Place(Tensor tensor)
    {
        fixed (byte* start = tensor.bytes)
            return (nint)start;
    }

    private static WideSpace Space(ScalarType type, long most) =>
        new(type, CPU) { MostNumbers = most, BlockNumbers = 20 };
}
