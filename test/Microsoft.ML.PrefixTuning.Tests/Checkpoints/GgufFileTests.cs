using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Every tensor type that is read, against the values of another implementation, bit for bit.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GgufFileTests
{
    public static IEnumerable<object[]> Types =>
        ((string[])["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
            "Q6_K"])
        .Select(type => new object[] { type });

    [TestMethod]
    [TestCategory("Parity")]
    [DynamicData(nameof(Types))]
    public void Read_GoldenTensor_EqualsReferenceBitForBit(string type)
    {
        using var scope = NewDisposeScope();
        using GgufFile file = OpenGolden();
        using SafeTensorsFile golden =
            SafeTensorsFile.Open(Path.Combine(Fixtures.Require(Fixtures.Gguf), "values.safetensors"));
        Tensor found = file.Read(type, ScalarType.Float32), wanted = golden.Read(type, ScalarType.Float32);

        Assert.AreEqual(type, file.Describe(type).StoredType);
        Assert.IsTrue(file.Describe(type).IsFloating);
        CollectionAssert.AreEqual(wanted.shape, found.shape);
        Assert.IsTrue(found.bytes.SequenceEqual(wanted.bytes));
    }

    [TestMethod]
    [TestCategory("Parity")]
    [DynamicData(nameof(Types))]
    public void Read_AsBFloat16_RoundsAsTorchDoes(string type)
    {
        using var scope = NewDisposeScope();
        using GgufFile file = OpenGolden();
        Tensor found = file.Read(type, ScalarType.BFloat16);
        Tensor wanted = file.Read(type, ScalarType.Float32).to(ScalarType.BFloat16);

        Assert.AreEqual(ScalarType.BFloat16, found.dtype);
        Assert.IsTrue(found.bytes.SequenceEqual(wanted.bytes));
    }

    [TestMethod]
    [TestCategory("Parity")]
    [DynamicData(nameof(Types))]
    public void Read_WithRowOrder_PutsRowsThere(string type)
    {
        using var scope = NewDisposeScope();
        using GgufFile file = OpenGolden();
        Tensor plain = file.Read(type, ScalarType.Float32),
            found = file.Read(type, ScalarType.Float32, row => (row + 1) % 3);

        Assert.IsTrue(found.bytes.SequenceEqual(plain.roll(-1, 0).contiguous().bytes));
    }

    private static GgufFile OpenGolden() => GgufFile.Open(Path.Combine(Fixtures.Require(Fixtures.Gguf), "types.gguf"));
}
