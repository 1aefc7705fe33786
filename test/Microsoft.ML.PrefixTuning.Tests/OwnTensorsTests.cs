using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests;

[TestClass]
[TestCategory("Quick")]
public sealed class OwnTensorsTests
{
    [TestMethod]
    public void Live_OfTensorsOnAllWays_IsThoseThatAreThere()
    {
        long before = OwnTensors.Live;
        Tensor kept, moved;
        using (NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                zeros(1);
                zeros(1).Dispose();
                kept = zeros(1).DetachFromDisposeScope();
                moved = zeros(1).MoveToOuterDisposeScope();
            }
            Assert.AreEqual(before + 2, OwnTensors.Live);
            Assert.IsFalse(moved.IsInvalid);
        }
        Assert.AreEqual(before + 1, OwnTensors.Live);
        kept.Dispose();
        kept.Dispose();
        zeros(1).Dispose();
        Assert.AreEqual(before, OwnTensors.Live);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Live_WhileOthersWork_IsUnmoved()
    {
        Leave();
        long before = OwnTensors.Live;
        Tensor? others = null;
        var thread = new Thread(() => others = zeros(1));
        thread.Start();
        thread.Join();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.AreEqual(before, OwnTensors.Live);
        others!.Dispose();
    }

    // What another test may have left to the finalizer.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Leave() => zeros(1);
}
