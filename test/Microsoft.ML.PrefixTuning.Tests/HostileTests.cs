using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>Every hostile and odd file: refused as documented, quickly, without a trace; or accepted and run.</summary>
[TestClass]
[TestCategory("Hostile")]
public sealed class HostileTests
{
    private const double MostSeconds = 2;
    private const long SlackBytes = 8 << 20;

    public static IEnumerable<object[]> Cases => Read().Select(hostile => new object[] { hostile.Id });

    // The first tensor of a process loads the native library.
    [ClassInitialize]
    public static void LoadNativeLibrary(TestContext context) => zeros(1).Dispose();

    [TestMethod]
    public void Folder_OnThisMachine_IsThere() => Fixtures.Require(Fixtures.Hostile);

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Input_FromFile_IsRefusedOrAcceptedAsDocumented(string id)
    {
        HostileCase hostile = Read().Single(one => one.Id == id);
        using FrozenBase? frozen = hostile.Base is null ? null : FrozenBase.Load(hostile.Base, ScalarType.Float32, CPU);
        long tensors = OwnTensors.Live, allocated = GC.GetAllocatedBytesForCurrentThread();
        string[] before = hostile.Files();
        Exception? fault = null;
        double seconds = OwnTime.SecondsOf(() => fault = FaultOf(() => HostileTrial.Run(hostile, frozen)));
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        CollectionAssert.AreEqual(before, hostile.Files(), "Files were left behind.");
        if (hostile.Marker is not null)
            Assert.IsFalse(File.Exists(hostile.Marker), "A pickle was executed.");
        if (hostile.Expect == "accept")
        {
            Assert.IsNull(fault, $"{fault}");
            Assert.AreEqual(tensors, OwnTensors.Live, "Tensors were left behind.");
            return;
        }
        Assert.IsNotNull(fault, $"Accepted, although: {hostile.Wrong}");
        hostile.CheckFault(fault);
        Assert.IsLessThan(MostSeconds, seconds, "It took too long.");
        Assert.IsLessThan(hostile.Size + SlackBytes, allocated, "Too much was allocated.");
        Assert.AreEqual(tensors, OwnTensors.Live, "Tensors were left behind.");
    }

    private static Exception? FaultOf(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception fault) when (fault is not UnitTestAssertException)
        {
            return fault;
        }
    }

    private static IReadOnlyList<HostileCase> Read() => Fixtures.Hostile is { } folder ? HostileCase.ReadAll(folder)
        : [];
}
