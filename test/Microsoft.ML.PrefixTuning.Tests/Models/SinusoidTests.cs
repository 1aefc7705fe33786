using System;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>The fixed positions of Pegasus, which a checkpoint may leave out.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SinusoidTests
{
    [TestMethod]
    [DataRow(0, 0, 0.0)]
    [DataRow(0, 3, 1.0)]
    [DataRow(1, 0, 0.8414709848)] // sin 1
    [DataRow(1, 3, 0.5403023059)] // cos 1
    [DataRow(7, 1, 0.3192246506)] // sin(7 / 10000^(2/6))
    [DataRow(7, 5, 0.9998862832)] // cos(7 / 10000^(4/6))
    public void Table_OfWidth6_HasSinesThenCosines(int position, int column, double expected) =>
        Assert.AreEqual(expected, Sinusoid.Table(8, 6)[position * 6 + column], 1e-6);

    [TestMethod]
    public void Table_OfOddWidth_HasOneSineMore()
    {
        float[] table = Sinusoid.Table(2, 3);
        CollectionAssert.AreEqual(new[] { (float)Math.Sin(1), (float)Math.Sin(Math.Pow(10_000, -2 / 3.0)),
            (float)Math.Cos(1) }, table[3..]);
    }

    [TestMethod]
    [DataRow("pegasus", true)]
    [DataRow("mbart", false)]
    public void Load_WithoutPositions_MakesThemWhereTheyAreASinusoid(string shape, bool makes)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        JsonObject tensors = file["tensors"]!.AsObject();
        foreach (string name in tensors.Select(tensor => tensor.Key).Where(name => name.Contains("embed_positions"))
            .ToArray())
            tensors.Remove(name);
        using TemporaryFolder folder = GoldenLogits.WriteCheckpoint(file);
        if (!makes)
        {
            Assert.Contains("embed_positions.weight' is missing", Assert.ThrowsExactly<FormatException>(() =>
                FrozenBase.Load(folder.Path, ScalarType.Float32, CPU)).Message);
            return;
        }
        using FrozenBase frozen = FrozenBase.Load(folder.Path, ScalarType.Float32, CPU);
        using Tensor made = frozen.Model.Weights.Encoder!.Positions!.cpu();
        CollectionAssert.AreEqual(Sinusoid.Table((int)made.size(0), (int)made.size(1)), made.data<float>().ToArray());
    }
}
