using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>What is known of a heap's large blocks; what the C library does with them is in NativeHeapTests.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LargeBlocksTests
{
    [TestMethod]
    public void Return_WhereTheHostOffersNothing_ChangesNothing()
    {
        var blocks = new LargeBlocks();
        blocks.Return();
        Assert.IsFalse(blocks.AreReturned);
        Assert.IsFalse(blocks.CanBeReturned);
    }

    [TestMethod]
    public void Return_OfWhatIsOffered_SetsItUpOnce()
    {
        int times = 0;
        var blocks = new LargeBlocks { Offer = () => ++times > 0 };
        Assert.IsTrue(blocks.CanBeReturned);
        Assert.IsFalse(blocks.AreReturned);

        blocks.Return();
        blocks.Return();

        Assert.IsTrue(blocks.AreReturned);
        Assert.AreEqual(1, times);
    }

    [TestMethod]
    public void Return_WhereTheCLibraryDoesNotTakeIt_LeavesThemKept()
    {
        var blocks = new LargeBlocks { Offer = () => false };
        blocks.Return();
        Assert.IsFalse(blocks.AreReturned);
    }

    [TestMethod]
    [DataRow(null, false)]
    [DataRow("", false)]
    [DataRow("glibc.malloc.arena_max=2", false)]
    [DataRow("glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=4194304:glibc.malloc.trim_threshold=67108864", true)]
    [DataRow("glibc.malloc.mmap_threshold=131072", true)]
    [DataRow("glibc.malloc.mmap_threshold=33554432", false)]
    [DataRow("glibc.malloc.mmap_threshold=much", false)]
    public void AreReturned_ByAUsersSettingOfGlibc_IsKnown(string? tunables, bool expected) =>
        Assert.AreEqual(expected, LargeBlocks.AreReturnedBy(tunables));
}
