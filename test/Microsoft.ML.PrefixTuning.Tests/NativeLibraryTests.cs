using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests;

[TestClass]
[TestCategory("Quick")]
public sealed class NativeLibraryTests
{
    [TestMethod]
    public void Torch_OnThisMachine_Loads()
    {
        using torch.Tensor sum = torch.ones(3).sum();
        Assert.AreEqual(3f, sum.item<float>());
    }
}
