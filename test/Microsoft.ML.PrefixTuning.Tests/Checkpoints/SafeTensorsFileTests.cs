using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Safetensors files as they are written and read; broken ones are in the hostile corpus.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SafeTensorsFileTests
{
    private string _folder = "";

    private string Target => Path.Combine(_folder, "model.safetensors");

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("safetensors-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow(ScalarType.Float16)]
    [DataRow(ScalarType.BFloat16)]
    [DataRow(ScalarType.Float32)]
    [DataRow(ScalarType.Float64)]
    public void Read_EverySourceType_ConvertsToEveryModelType(ScalarType stored)
    {
        using var scope = NewDisposeScope();
        Tensor original = linspace(-3, 3, 24).view(2, 3, 4).to(stored);
        Write([SafeTensorsContent.Of("weight", original), SafeTensorsContent.Of("bias", original)]);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        foreach (ScalarType wanted in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            Tensor read = file.Read("weight", wanted);
            Assert.AreEqual(wanted, read.dtype);
            CollectionAssert.AreEqual(new long[] { 2, 3, 4 }, read.shape);
            Assert.IsTrue(read.allclose(original.to(wanted), 0, 0));
        }
        Assert.AreEqual(new TensorInfo("weight", SafeTensorsType.Of(stored).Name, file.Describe("weight").Shape,
            "model.safetensors", true), file.Describe("weight"));
    }

    [TestMethod]
    public void Read_StoredType_IsAViewOfTheFileAndOutlivesIt()
    {
        using Tensor original = linspace(-3, 3, 64).to(ScalarType.BFloat16);
        Write([SafeTensorsContent.Of("weight", original)]);
        Tensor first, second;
        using (SafeTensorsFile file = SafeTensorsFile.Open(Target))
            (first, second) = (file.Read("weight", ScalarType.BFloat16), file.Read("weight", ScalarType.BFloat16));
        using (first)
        using (second)
        {
            File.Delete(Target);
            Assert.IsTrue(Address(first) == Address(second), "Two reads gave two copies.");
            Assert.IsTrue(first.allclose(original, 0, 0));
            Assert.IsFalse(first.requires_grad);
        }
    }

    [TestMethod]
    public void Read_InADisposeScope_LeavesTheFileUsable()
    {
        Write([SafeTensorsContent.Of("a", [2], [1, 2]), SafeTensorsContent.Of("b", [2], [3, 4])]);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        using (NewDisposeScope())
            file.Read("a", ScalarType.Float32);
        using Tensor b = file.Read("b", ScalarType.Float32);
        CollectionAssert.AreEqual(new float[] { 3, 4 }, b.data<float>().ToArray());
    }

    [TestMethod]
    public void Read_UnalignedTensor_IsCopied()
    {
        // One byte in front moves the numbers to an odd place.
        WriteRaw("""{"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"weight":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}""",
            [1, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(-2f)]);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        using Tensor weight = file.Read("weight", ScalarType.Float32), flag = file.ReadStored("flag");
        CollectionAssert.AreEqual(new[] { 1.5f, -2f }, weight.data<float>().ToArray());
        Assert.IsTrue(flag[0].item<bool>());
    }

    [TestMethod]
    public void Read_TypeThatTorchLacks_IsRefusedWhenItIsRead()
    {
        WriteRaw("""{"weight":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", [0, 0]);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        Assert.IsTrue(file.Describe("weight").IsFloating);
        var fault = Assert.ThrowsExactly<NotSupportedException>(() => file.Read("weight", ScalarType.Float32));
        Assert.AreEqual("model.safetensors: tensor 'weight': dtype F8_E4M3 is not read here.", fault.Message);
    }

    [TestMethod]
    public void Read_FileThatWasReplaced_IsRefused()
    {
        Write([SafeTensorsContent.Of("a", [2], [1, 2])]);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        File.Delete(Target);
        Write([SafeTensorsContent.Of("a", [3], [1, 2, 3])]);
        Assert.AreEqual("model.safetensors: the file was replaced while it was read.",
            Assert.ThrowsExactly<IOException>(() => file.Read("a", ScalarType.Float32)).Message);
    }

    [TestMethod]
    [DataRow("\u0080\u0004", "model.safetensors: found a Python pickle")]
    [DataRow("PK\u0003\u0004\0\0\u0008\u0008 archive", "model.safetensors: found a Python pickle")]
    public void Open_Pickle_IsRefusedWithTheWayToConvertIt(string content, string message)
    {
        File.WriteAllBytes(Target, Encoding.Latin1.GetBytes(content));
        var fault = Assert.ThrowsExactly<NotSupportedException>(() => SafeTensorsFile.Open(Target));
        Assert.StartsWith(message, fault.Message);
        Assert.Contains("python -c", fault.Message);
    }

    [TestMethod]
    public void Write_Tensors_FollowsTheReferencesOrderAndIsDeterministic()
    {
        using Tensor wide = zeros(1, ScalarType.Float64), narrow = zeros(3, ScalarType.Float16);
        SafeTensorsContent[] contents = [SafeTensorsContent.Of("b", narrow), SafeTensorsContent.Of("z", wide),
            SafeTensorsContent.Of("a\"\u00e9", [], [5])];
        Write(contents, new() { ["y"] = "2", ["x"] = "1" });
        byte[] first = File.ReadAllBytes(Target);
        Write([.. contents.Reverse()], new() { ["x"] = "1", ["y"] = "2" });
        CollectionAssert.AreEqual(first, File.ReadAllBytes(Target));
        int length = (int)BitConverter.ToInt64(first);
        Assert.AreEqual(0, length % 8);
        Assert.AreEqual(
            """{"__metadata__":{"x":"1","y":"2"},"z":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a\"é":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"F16","shape":[3],"data_offsets":[12,18]}}""",
            Encoding.UTF8.GetString(first, 8, length).TrimEnd(' '));
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        Assert.AreEqual("2", file.Metadata["y"]);
    }

    [TestMethod]
    public void ContentHash_SameTensors_DoesNotDependOnPlaceOrderOrShards()
    {
        SafeTensorsContent a = SafeTensorsContent.Of("a", [2], [1, 2]), b = SafeTensorsContent.Of("b", [1], [3]);
        string hash = HashOf(Write([a, b]));
        Assert.AreEqual(hash, HashOf(Write([b, a], new() { ["format"] = "pt" }, "other.safetensors")));
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "sharded")).FullName;
        Write([a], name: "sharded/one.safetensors");
        Write([b], name: "sharded/two.safetensors");
        File.WriteAllText(Path.Combine(folder, ShardedCheckpoint.IndexFile),
            """{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}""");
        using ITensorSource sharded = CheckpointFolder.Open(folder);
        Assert.AreEqual(hash, sharded.ContentHash());
        CollectionAssert.AreEquivalent(new[] { "a", "b" }, sharded.TensorNames.ToArray());
    }

    [TestMethod]
    public void ContentHash_AnythingElse_Differs()
    {
        SafeTensorsContent b = SafeTensorsContent.Of("b", [1], [3]);
        using Tensor whole = tensor(new[] { 0x3f800000, 0x40000000 });
        SafeTensorsContent[] others =
        [
            SafeTensorsContent.Of("a", [2], [1, 2]), SafeTensorsContent.Of("c", [2], [1, 2]),
                SafeTensorsContent.Of("a", [1, 2], [1, 2]),
            SafeTensorsContent.Of("a", [2], [1, 3]), SafeTensorsContent.Of("a", whole),
        ];
        Assert.HasCount(others.Length, others.Select((other, i) => HashOf(Write([other, b], name: $"{i}.safetensors")))
            .Distinct());
    }

    [TestMethod]
    public void ContentHash_FileThatChanged_IsComputedAgain()
    {
        string first = HashOf(Write([SafeTensorsContent.Of("a", [1], [1])]));
        Write([SafeTensorsContent.Of("a", [1], [2])]);
        File.SetLastWriteTimeUtc(Target, File.GetLastWriteTimeUtc(Target).AddSeconds(1));
        Assert.AreNotEqual(first, HashOf(Target));
    }

    private static string HashOf(string path)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        return file.ContentHash();
    }

    private static unsafe nint Address(Tensor tensor) =>
        (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    private string Write(SafeTensorsContent[] tensors, Dictionary<string, string>? metadata = null,
        string name = "model.safetensors")
    {
        string path = Path.Combine(_folder, name);
        using FileStream stream = File.Create(path);
        SafeTensorsWriter.Write(stream, tensors, metadata);
        return path;
    }

    private void WriteRaw(string header, byte[] data) =>
        File.WriteAllBytes(Target,
            [.. BitConverter.GetBytes(header.LongCount()), .. Encoding.UTF8.GetBytes(header), .. data]);
}
