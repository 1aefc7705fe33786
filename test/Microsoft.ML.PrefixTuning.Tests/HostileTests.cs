using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Tests.Parity;
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

    // Kinds whose readers are not there yet. Must shrink to nothing.
    private static readonly string[] NotYet = ["gguf", "tokenizer", "data"];

    private static readonly int[][] Rows = [[1, 2, 3, 4, 5], [6, 7, 8]];

    public static IEnumerable<object[]> Cases => Read().Where(hostile => !NotYet.Contains(hostile.Kind)).Select(hostile => new object[] { hostile.Id });

    [TestMethod]
    public void Folder_OnThisMachine_IsThere() => Fixtures.Require(Fixtures.Hostile);

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Input_FromFile_IsRefusedOrAcceptedAsDocumented(string id)
    {
        HostileCase hostile = Read().Single(one => one.Id == id);
        using FrozenBase? frozen = hostile.Base is null ? null : FrozenBase.Load(hostile.Base, ScalarType.Float32, CPU);
        Settle();
        long tensors = Tensor.TotalCount, allocated = GC.GetTotalAllocatedBytes(precise: true);
        string[] before = hostile.Files();
        var clock = Stopwatch.StartNew();
        Exception? fault = FaultOf(() => Try(hostile, frozen));
        double seconds = clock.Elapsed.TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        CollectionAssert.AreEqual(before, hostile.Files(), "Files were left behind.");
        if (hostile.Marker is not null)
            Assert.IsFalse(File.Exists(hostile.Marker), "A pickle was executed.");
        if (hostile.Expect == "accept")
        {
            Assert.IsNull(fault, $"{fault}");
            Assert.IsLessThanOrEqualTo(tensors, Tensor.TotalCount, "Tensors were left behind.");
            return;
        }
        Assert.IsNotNull(fault, $"Accepted, although: {hostile.Wrong}");
        hostile.CheckFault(fault);
        Assert.IsLessThan(MostSeconds, seconds, "It took too long.");
        Assert.IsLessThan(hostile.Size + SlackBytes, allocated, "Too much was allocated.");
        Assert.IsLessThanOrEqualTo(tensors, Tensor.TotalCount, "Tensors were left behind.");
    }

    /// <summary>Does with a case what its kind asks for; the one place that knows the kinds.</summary>
    private static void Try(HostileCase hostile, FrozenBase? frozen)
    {
        switch (hostile.Kind)
        {
            case "safetensors" when File.Exists(hostile.Path):
                ReadEveryTensor(hostile.Path);
                break;
            case "safetensors" or "sharded" or "config":
                using (FrozenBase own = FrozenBase.Load(hostile.Path, ScalarType.Float32, CPU))
                    Run(own, prefix: null);
                break;
            case "peft-adapter":
                Run(frozen!, PeftAdapter.Import(hostile.Path, frozen!.Model));
                break;
            default:
                throw new NotImplementedException($"Kind {hostile.Kind}.");
        }
    }

    private static void ReadEveryTensor(string path)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        foreach (string name in file.TensorNames)
        {
            using Tensor tensor = file.ReadStored(name);
            CollectionAssert.AreEqual(file.Describe(name).Shape, tensor.shape);
        }
    }

    private static void Run(FrozenBase frozen, Prefix? prefix)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor logits = LogitsTests.Run(frozen.Model, Rows, prefix);
        Assert.IsTrue(FiniteCheck.AllFinite(logits), "The forward pass gives numbers that are not finite.");
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

    // Tensors that earlier tests left to the finalizer must not be counted as this one's.
    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static IReadOnlyList<HostileCase> Read() => Fixtures.Hostile is { } folder ? HostileCase.ReadAll(folder) : [];
}
