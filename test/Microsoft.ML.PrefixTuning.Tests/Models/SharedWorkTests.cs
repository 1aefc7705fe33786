using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Work in parts, by torch's threads and by those of the process.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SharedWorkTests
{
    [TestMethod]
    public void IsThere_OfTheTorchOfLinux_IsTrue()
    {
        using Tensor loaded = zeros(1);
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("Torch's OpenMP is GNU's on Linux alone.");
        Assert.IsTrue(TorchTeam.IsThere);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Run_ByCallersSideBySide_DoesEachPartOnce(bool isTorchs)
    {
        using Tensor loaded = zeros(1);
        Demand(isTorchs);
        Parallel.For(0, 6, caller =>
        {
            for (int round = 0; round < 200; round++)
            {
                var work = new Counting(1 + (caller + round) % 40);
                work.Run(threads: 2, isTorchs);
                Assert.IsTrue(work.Counts.All(count => count == 1), string.Join(' ', work.Counts));
            }
        });
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Run_OfTwoThreads_HasBothAtWork(bool isTorchs)
    {
        using Tensor loaded = zeros(1);
        Demand(isTorchs);
        if (get_num_threads() < 2)
            Assert.Inconclusive("One thread alone.");
        var work = new Meeting(2);
        work.Run(threads: 2, isTorchs);
        Assert.AreEqual(0b11, work.Seen);
    }

    private static void Demand(bool isTorchs)
    {
        if (isTorchs && !TorchTeam.IsThere)
            Assert.Inconclusive("Torch's OpenMP is another one here.");
    }

    private sealed class Counting(int parts) : SharedWork
    {
        public int[] Counts { get; } = new int[parts];

        protected override int Parts => Counts.Length;

        protected override void Do(int part, int thread) => Interlocked.Increment(ref Counts[part]);
    }
}
