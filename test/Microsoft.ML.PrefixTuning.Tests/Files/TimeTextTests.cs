using System;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Times in messages.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TimeTextTests
{
    [TestMethod]
    [DataRow(0.4, "0:00:00")]
    [DataRow(3725, "1:02:05")]
    [DataRow(86400 + 3600, "25:00:00")]
    [DataRow(40 * 86400 + 59, "960:00:59")]
    public void Of_AnyTime_HasAllOfItsHours(double seconds, string expected) =>
        Assert.AreEqual(expected, TimeText.Of(TimeSpan.FromSeconds(seconds)));
}
