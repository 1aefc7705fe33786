using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What Ctrl-C does to a command.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class InterruptionTests
{
    [TestMethod]
    public void Take_OfTwoSignals_AcknowledgesTheFirstBeforeItCancelsAndLeavesTheSecondToTheSystem()
    {
        var told = new List<(string Line, bool IsCancelled)>();
        using var cancellation = new CancellationTokenSource();
        using var interruption =
            new Interruption(cancellation, line => told.Add((line, cancellation.IsCancellationRequested)));
        PosixSignalContext first = new(PosixSignal.SIGINT), second = new(PosixSignal.SIGINT);

        interruption.Take(first);
        Assert.IsTrue(cancellation.IsCancellationRequested);
        interruption.Take(second);

        Assert.AreEqual((true, false), (first.Cancel, second.Cancel), "whether the process lives on");
        CollectionAssert.AreEqual(new[] { (Interruption.Acknowledgement, false) }, told);
    }
}
