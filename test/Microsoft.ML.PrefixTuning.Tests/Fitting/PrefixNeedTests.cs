using System;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Fitting;

/// <summary>A prefix or network that there is no memory for is refused before a row is read.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixNeedTests
{
    // Two layers with two heads of eight numbers: 64 numbers a token, six times as floats.
    private const long BytesAToken = 64 * 6 * sizeof(float);

    [TestMethod]
    public void Check_WithMemoryOrWhereItIsNotKnown_IsSilent()
    {
        Check(new PrefixOptions(), 1000, 1000 * BytesAToken);
        Check(new PrefixOptions(), 1000, free: null);
    }

    [TestMethod]
    public void Check_OfALongPrefix_NamesLengthAndMemory()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Check(new PrefixOptions(), 30_000, 30_000_000));
        Assert.StartsWith("Prefix.Length: expected a prefix that training has memory for (0.03 GB are free), found"
            + " 30000 tokens, which needs about 0.05 GB.", fault.Message);
    }

    /// <summary>Keys and values that follow from something smaller have no means of their own.</summary>
    [TestMethod]
    public void Check_OfEmbeddings_AsksForNoMeansOfKeysAndValues()
    {
        const long Half = 1000 * BytesAToken / 2;
        Check(new PrefixOptions { Method = PrefixMethod.EmbeddingOnly }, 1000, Half);
        Assert.ThrowsExactly<ArgumentException>(() => Check(new PrefixOptions(), 1000, Half));
        Assert.ThrowsExactly<ArgumentException>(() =>
            Check(new PrefixOptions { Method = PrefixMethod.Infix }, 1000, Half));
    }

    [TestMethod]
    public void Check_OfAMemory_NamesItsNumbers()
    {
        // Two layers with four query heads, a matrix of 8 by 8 each.
        const long Need = 512 * 6 * sizeof(float);
        var options = new PrefixOptions { Method = PrefixMethod.Memory };
        Check(options, 0, Need);
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Check(options, 0, Need - 1));
        Assert.StartsWith("Prefix.Method: expected a memory that training has memory for (0.00 GB are free), found 512"
            + " numbers, which need about 0.00 GB.", fault.Message);
        // Three values, and what they share.
        Check(options, 0, 4 * Need, memories: 4);
        fault = Assert.ThrowsExactly<ArgumentException>(() => Check(options, 0, 4 * Need - 1, memories: 4));
        StringAssert.Contains(fault.Message, "found 512 numbers for each of 4, which need about 0.00 GB.");
    }

    [TestMethod]
    public void Check_OfAWideNetwork_NamesItsWidth()
    {
        var options = new PrefixOptions { Parametrization = Parametrization.Mlp(16_384, depth: 3) };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Check(options, 4, 1_000_000_000));
        Assert.StartsWith("Prefix.Parametrization.width: expected a network that training has memory for (1.00 GB are"
            + " free), found 16384", fault.Message);
    }

    [TestMethod]
    public void Check_OfMoreNumbersThanAnArrayHolds_IsRefusedWhateverIsFree()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Check(new PrefixOptions(), int.MaxValue / 16, long.MaxValue));
        Assert.StartsWith("Prefix.Length: expected a prefix of at most 2,147,483,591 numbers a site, found",
            fault.Message);
    }

    private static void Check(PrefixOptions options, int length, long? free, int memories = 1)
    {
        using LanguageModel model = TinyTraining.Model();
        PrefixNeed.Check(options, model.Spec, [AttentionSite.Decoder], length, free, memories);
    }
}
