using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>NaN and infinity are found wherever they are.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FiniteCheckTests
{
    [TestMethod]
    [DataRow(ScalarType.BFloat16)]
    [DataRow(ScalarType.Float16)]
    [DataRow(ScalarType.Float32)]
    [DataRow(ScalarType.Float64)]
    public void AllFinite_OneBadElement_IsFoundAtEveryPlace(ScalarType type)
    {
        const int Count = 300;
        using Tensor tensor = linspace(-60000, 60000, Count).to(type);
        Assert.IsTrue(FiniteCheck.AllFinite(tensor));
        for (int i = 0; i < Count; i++)
        {
            using Tensor place = tensor[i], good = place.clone();
            place.fill_(i % 3 == 0 ? double.NaN : i % 3 == 1 ? double.PositiveInfinity : double.NegativeInfinity);
            Assert.IsFalse(FiniteCheck.AllFinite(tensor), $"element {i}");
            place.copy_(good).Dispose();
        }
        Assert.IsTrue(FiniteCheck.AllFinite(tensor));
    }

    [TestMethod]
    [DataRow(0L)]
    [DataRow(262_143L)]
    [DataRow(262_144L)]
    [DataRow(1_000_002L)]
    public void AllFinite_LargeTensor_IsReadToItsEnd(long place)
    {
        using Tensor tensor = zeros(1_000_003, ScalarType.BFloat16);
        Assert.IsTrue(FiniteCheck.AllFinite(tensor));
        using Tensor element = tensor[place];
        element.fill_(double.NaN).Dispose();
        Assert.IsFalse(FiniteCheck.AllFinite(tensor));
    }

    [TestMethod]
    public void AllFinite_ViewEmptyAndWholeNumbers_AreJudgedByTheirOwnElements()
    {
        using Tensor tensor = zeros(4, 4);
        tensor[3, 3] = double.NaN;
        using Tensor turned = tensor.t(), part = tensor.narrow(1, 0, 3), empty = zeros(0),
            whole = ones(4, ScalarType.Int64);
        Assert.IsFalse(FiniteCheck.AllFinite(turned));
        Assert.IsTrue(FiniteCheck.AllFinite(part));
        Assert.IsTrue(FiniteCheck.AllFinite(empty));
        Assert.IsTrue(FiniteCheck.AllFinite(whole));
    }
}
