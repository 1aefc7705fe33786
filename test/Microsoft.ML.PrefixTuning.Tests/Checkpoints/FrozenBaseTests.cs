using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Bases as they are shared, identified and read.</summary>
[TestClass]
public sealed class FrozenBaseTests
{
    private string _folder = "";

    [TestInitialize]
    public void CopyBase()
    {
        string original = Path.Combine(Fixtures.Require(Fixtures.Hostile), "checkpoints", "ok-odd-order");
        _folder = Directory.CreateTempSubdirectory("frozen-base-").FullName;
        foreach (string file in Directory.GetFiles(original))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
    }

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void Acquire_SameFolderTwice_SharesOneCopyUntilTheLastIsGone()
    {
        long tensors = Tensor.TotalCount;
        BaseLease first = Acquire(), second = Acquire();
        Assert.AreSame(first.Base, second.Base);
        first.Dispose();
        first.Dispose();
        Assert.IsFalse(second.Base.Model.Weights.Embedding.IsInvalid);
        second.Dispose();
        Assert.IsLessThanOrEqualTo(tensors, Tensor.TotalCount);
    }

    [TestMethod]
    [DataRow("config.json")]
    [DataRow("model.safetensors")]
    public void Acquire_FileThatChanged_IsAnotherBase(string file)
    {
        using BaseLease first = Acquire();
        string path = Path.Combine(_folder, file);
        File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddSeconds(1));
        using BaseLease second = Acquire();
        Assert.AreNotSame(first.Base, second.Base);
        Assert.IsNull(first.Base.Fingerprint.Difference(second.Base.Fingerprint));
    }

    [TestMethod]
    public void Load_BuffersAndEmptyTensors_AreListed()
    {
        using FrozenBase odd = FrozenBase.Load(_folder, ScalarType.Float32, CPU);
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(_folder, "model.safetensors"));
        string empty = file.TensorNames.Single(name => file.Describe(name).Shape.Contains(0));
        CollectionAssert.AreEqual(new[] { empty }, odd.IgnoredTensors.ToArray());
        string bare = Path.Combine(Fixtures.Hostile!, "checkpoints", "ok-gpt2-bare-names");
        using FrozenBase buffers = FrozenBase.Load(bare, ScalarType.Float32, CPU);
        CollectionAssert.Contains(buffers.IgnoredTensors.ToArray(), "h.0.attn.bias");
    }

    private BaseLease Acquire() => FrozenBase.Acquire(_folder, ScalarType.Float32, CPU);
}
