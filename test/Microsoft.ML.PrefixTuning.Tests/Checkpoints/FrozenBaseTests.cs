using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Bases as they are shared, identified and read.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FrozenBaseTests
{
    private readonly TemporaryFolder _folder = new();

    [TestInitialize]
    public void CopyBase() =>
        _folder.CopyFrom(Path.Combine(Fixtures.Require(Fixtures.Hostile), "checkpoints", "ok-odd-order"));

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Acquire_SameFolderTwice_SharesOneCopyUntilTheLastIsGone()
    {
        long tensors = OwnTensors.Live;
        BaseLease first = Acquire(), second = Acquire();
        Assert.AreSame(first.Base, second.Base);
        first.Dispose();
        first.Dispose();
        Assert.IsFalse(((WideMatrix)second.Base.Model.Weights.Embedding).Tensor.IsInvalid);
        second.Dispose();
        Assert.AreEqual(tensors, OwnTensors.Live);
    }

    [TestMethod]
    [DataRow("config.json")]
    [DataRow("model.safetensors")]
    public void Acquire_FileThatChanged_IsAnotherBase(string file)
    {
        using BaseLease first = Acquire();
        BaseIdentity identity = first.Base.Identity;
        string path = _folder[file];
        File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddSeconds(1));
        using BaseLease second = Acquire();
        Assert.AreNotSame(first.Base, second.Base);
        Assert.IsNull(identity.Difference(second.Base.Identity));
    }

    [TestMethod]
    public void Identity_OfAFileThatChangedSince_IsRefusedAlsoWithTheOldTime()
    {
        using BaseLease lease = Acquire();
        string path = _folder["model.safetensors"];
        DateTime time = File.GetLastWriteTimeUtc(path);
        File.SetLastWriteTimeUtc(path, time.AddSeconds(1));
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => lease.Base.Identity);
        Assert.AreEqual($"Base model '{_folder.Path}': expected the files that it was loaded from, found"
            + " 'model.safetensors' changed since. What was made with the loaded base must not be saved as made for"
            + " another one: load the base and fit anew, or save the prefix alone (Prefix.Save).", refused.Message);
        File.SetLastWriteTimeUtc(path, time);
        Assert.ThrowsExactly<InvalidOperationException>(() => lease.Base.Identity);
    }

    [TestMethod]
    public void Files_BesideOneOfAllWeights_HoldNoOtherWeights()
    {
        string other = _folder["prefix.safetensors"], single = _folder["model.safetensors"];
        File.Copy(single, other);
        CollectionAssert.DoesNotContain(FrozenBase.Files(_folder.Path).ToArray(), other);
        File.Delete(single);
        CollectionAssert.Contains(FrozenBase.Files(_folder.Path).ToArray(), other);
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Acquire_FolderOfLinks_IsTheBaseTheyLeadTo()
    {
        string links = Directory.CreateDirectory(_folder["links"]).FullName;
        foreach (string file in Directory.GetFiles(_folder.Path))
            File.CreateSymbolicLink(Path.Combine(links, Path.GetFileName(file)), file);
        using BaseLease plain = Acquire(), linked = FrozenBase.Acquire(links, ScalarType.Float32, CPU);
        Assert.IsNull(plain.Base.Identity.Difference(linked.Base.Identity));
    }

    [TestMethod]
    public void Load_BuffersAndEmptyTensors_AreListed()
    {
        using FrozenBase odd = FrozenBase.Load(_folder.Path, ScalarType.Float32, CPU);
        using SafeTensorsFile file = SafeTensorsFile.Open(_folder["model.safetensors"]);
        string empty = file.TensorNames.Single(name => file.Describe(name).Shape.Contains(0));
        CollectionAssert.AreEqual(new[] { empty }, odd.IgnoredTensors.ToArray());
        string bare = Path.Combine(Fixtures.Hostile!, "checkpoints", "ok-gpt2-bare-names");
        using FrozenBase buffers = FrozenBase.Load(bare, ScalarType.Float32, CPU);
        CollectionAssert.Contains(buffers.IgnoredTensors.ToArray(), "h.0.attn.bias");
    }

    private BaseLease Acquire() => FrozenBase.Acquire(_folder.Path, ScalarType.Float32, CPU);
}
