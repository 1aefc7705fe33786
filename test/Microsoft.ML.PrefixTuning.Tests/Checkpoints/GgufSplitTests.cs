using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>GGUF models in several files: read from the first part, and everything else called what it is.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GgufSplitTests
{
    private readonly TemporaryFolder _folder = new();
    private readonly GgufBuilder _model = GgufBuilder.LlamaWithTokenizer();

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    public void Load_OfTheFirstPart_IsTheWholeModel()
    {
        File.WriteAllBytes(_folder["whole.gguf"], _model.Build().Bytes);
        string[] parts = _model.WriteParts(_folder["split"], 3);
        using FrozenBase whole = Load(_folder["whole.gguf"]), split = Load(parts[0]);

        CollectionAssert.AreEqual(parts, FrozenBase.Files(parts[0]).ToArray());
        Assert.AreEqual(whole.Model.Weights.Owned.Count, split.Model.Weights.Owned.Count);
        foreach ((Tensor expected, Tensor found) in whole.Model.Weights.Owned.Zip(split.Model.Weights.Owned))
            Assert.IsTrue(expected.equal(found).all().ToBoolean());
        Assert.IsNull(whole.Identity.Difference(split.Identity));
        CollectionAssert.AreEqual(whole.Tokenizer.Encode("abba"), split.Tokenizer.Encode("abba"));
    }

    [TestMethod]
    public void Load_WithoutTensorsInTheFirstPart_ReadsTheOthers()
    {
        string[] parts = _model.WriteParts(_folder["split"], 2);
        var first = new GgufBuilder();
        foreach ((string key, object value) in _model.Keys)
            first.Keys.Add(key, value);
        (first.Keys["split.no"], first.Keys["split.count"]) = ((ushort)0, (ushort)2);
        var second = new GgufBuilder();
        (second.Keys["split.no"], second.Keys["split.count"]) = ((ushort)1, (ushort)2);
        foreach ((string name, long[] shape) in _model.Tensors)
            second.Tensors.Add(name, shape);
        File.WriteAllBytes(parts[0], first.Build().Bytes);
        File.WriteAllBytes(parts[1], second.Build().Bytes);

        Load(parts[0]).Dispose();
    }

    [TestMethod]
    public void Load_OfALaterPart_NamesTheFirst()
    {
        string[] parts = _model.WriteParts(_folder["split"], 3);

        Assert.StartsWith("split-00002-of-00003.gguf: part 2 of 3 of a split file: expected the first part, "
            + "'split-00001-of-00003.gguf'", Refusal(parts[1]));
    }

    [TestMethod]
    public void Load_OfPartsJoinedByteByByte_SaysSo()
    {
        string[] parts = _model.WriteParts(_folder["split"], 3);
        File.WriteAllBytes(_folder["joined.gguf"], [.. parts.SelectMany(File.ReadAllBytes)]);

        Assert.AreEqual("joined.gguf: part 1 of 3 of a split file, with another part behind it in the same file: "
            + "name the first part beside the others, or join them with llama-gguf-split --merge; parts cannot be "
            + "joined byte by byte.",
            Refusal(_folder["joined.gguf"]));
    }

    [TestMethod]
    public void Load_WithAPartMissing_NamesIt()
    {
        string[] parts = _model.WriteParts(_folder["split"], 3);
        File.Delete(parts[2]);

        var fault = Assert.ThrowsExactly<FileNotFoundException>(() => Load(parts[0]));

        Assert.AreEqual("split-00001-of-00003.gguf: part 3 of 3 of the split file: expected "
            + "'split-00003-of-00003.gguf' beside it, found nothing.", fault.Message);
    }

    [TestMethod]
    public void Load_UnderAnotherName_AsksForThePartsName()
    {
        string[] parts = _model.WriteParts(_folder["split"], 2);
        File.Move(parts[0], _folder["model.gguf"]);

        Assert.StartsWith(
            "model.gguf: part 1 of 2 of a split file: expected a name that ends in '-00001-of-00002.gguf'",
            Refusal(_folder["model.gguf"]));
    }

    [TestMethod]
    public void Load_WithAPartOfAnotherModel_RefusedByItsNumber()
    {
        string[] parts = _model.WriteParts(_folder["split"], 3);
        File.Copy(parts[1], parts[2], overwrite: true);

        string first = parts[2].Replace("-00003-of", "-00001-of", StringComparison.Ordinal);
        Assert.AreEqual("split-00003-of-00003.gguf: keys 'split.no' and 'split.count': expected 2 and 3, as the "
            + "file's name says, found 1 and 3.", Refusal(first));
    }

    [TestMethod]
    public void Stamps_OfASplitFile_SeeEveryPart()
    {
        string[] parts = _model.WriteParts(_folder["split"], 3);
        FileStamps before = FileStamps.Of(parts[0]);
        File.WriteAllBytes(parts[2], [1]);

        Assert.AreEqual(Path.GetFileName(parts[2]), before.Change());
    }

    private static FrozenBase Load(string path) => FrozenBase.Load(path, ScalarType.Float32, CPU);

    private static string Refusal(string path) => Assert.ThrowsExactly<FormatException>(() => Load(path)).Message;
}
