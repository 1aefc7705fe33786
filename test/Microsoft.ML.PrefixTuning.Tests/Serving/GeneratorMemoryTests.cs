using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>What a generator leaves behind, in a process of its own: all that it holds is the generator's.</summary>
[TestClass]
public sealed class GeneratorMemoryTests
{
    [TestMethod]
    [DataRow("llama")]
    [DataRow("t5")]
    public void Requests_ByTheHundred_LeaveNoTensors(string name) =>
        Assert.AreEqual("0 tensors", ChildProcess.Run(ServingChild.Serve, TinyBase.Folder(name)).TrimEnd());
}
