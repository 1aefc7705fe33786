using System;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Numbers of threads that uses side by side leave to each other and to the process.</summary>
[TestClass]
[TestCategory("Quick")]
[DoNotParallelize]
public sealed class TorchThreadsTests
{
    [TestMethod]
    public void Use_OfNoNumberBesideAnotherThreads_IsTorchsOwn()
    {
        int own = get_num_threads(), within = 0, after = 0;
        using ManualResetEventSlim began = new(), ended = new();
        Thread beside;
        using (TorchThreads.Use(own + 1))
        {
            beside = Begin(() =>
            {
                using (TorchThreads.Use(null))
                    within = get_num_threads();
                began.Set();
                ended.Wait();
                after = get_num_threads();
            });
            began.Wait();
            Assert.AreEqual(own + 1, get_num_threads());
        }
        ended.Set();
        beside.Join();
        Assert.AreEqual((own, own), (within, after));
    }

    [TestMethod]
    public void Use_ThatEndsBehindAnother_LeavesTorchsOwn()
    {
        int own = get_num_threads(), within = 0, after = 0;
        using ManualResetEventSlim began = new(), ended = new();
        Thread beside;
        using (TorchThreads.Use(own + 1))
        {
            beside = Begin(() =>
            {
                using TorchThreads threads = TorchThreads.Use(own + 2);
                within = get_num_threads();
                began.Set();
                ended.Wait();
            });
            began.Wait();
        }
        ended.Set();
        beside.Join();
        Begin(() => after = get_num_threads()).Join();
        Assert.AreEqual((own + 2, own, own), (within, after, get_num_threads()));
    }

    [TestMethod]
    public void Use_WithinAnotherOfTheThread_LeavesThatOnes()
    {
        int own = get_num_threads();
        using (TorchThreads.Use(own + 1))
        {
            using (TorchThreads.Use(null))
                Assert.AreEqual(own + 1, get_num_threads());
            using (TorchThreads.Use(own + 2))
                Assert.AreEqual(own + 2, get_num_threads());
            Assert.AreEqual(own + 1, get_num_threads());
        }
        Assert.AreEqual(own, get_num_threads());
    }

    private static Thread Begin(Action work)
    {
        var thread = new Thread(() => work()) { IsBackground = true };
        thread.Start();
        return thread;
    }
}
