using System.Threading;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests;

[TestClass]
[TestCategory("Quick")]
public sealed class OwnTimeTests
{
    [TestMethod]
    public void SecondsOf_Work_GrowsWithIt()
    {
        int sum = 0;
        double seconds = OwnTime.SecondsOf(() =>
        {
            // Until the clock of this thread has moved: it counts this thread's work.
            for (double start = OwnTime.Now(); OwnTime.Now() - start < 0.05; sum++)
                Thread.SpinWait(1000);
        });
        Assert.IsGreaterThan(0, sum);
        Assert.IsGreaterThanOrEqualTo(0.05, seconds);
    }

    [TestMethod]
    public void SecondsOf_AnotherThreadsWork_IsNone()
    {
        double others = 0;
        double own = OwnTime.SecondsOf(() =>
        {
            var thread = new Thread(() => others = OwnTime.SecondsOf(() =>
            {
                for (double start = OwnTime.Now(); OwnTime.Now() - start < 0.5;)
                    Thread.SpinWait(1000);
            }));
            thread.Start();
            thread.Join();
        });
        Assert.IsLessThan(others / 2, own);
    }
}
