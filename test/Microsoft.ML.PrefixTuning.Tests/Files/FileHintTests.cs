using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>A file in the place of another one is called what it is.</summary>
[TestClass]
public sealed class FileHintTests
{
    private const string Pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";

    [TestMethod]
    [DataRow(Pointer, "It looks like a pointer file of Git LFS: fetch the real file.")]
    [DataRow("<html><body>", "It looks like an HTML page.")]
    public void Load_OfAnotherFileAsAPrefix_SaysWhatItIs(string content, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["prefix.safetensors"], content);
        Assert.EndsWith(expected,
            Assert.ThrowsExactly<FormatException>(() => Prefix.Load(folder["prefix.safetensors"])).Message);
    }

    [TestMethod]
    public void Load_OfASavedModelAsAPrefix_SaysWhatItIs()
    {
        using var folder = new TemporaryFolder();
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable(TinyBase.Rows(1));
        using PrefixTuningTransformer model =
            context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama).Fit(rows);
        context.Model.SaveAtomically(model, rows.Schema, folder["model.zip"]);
        Assert.StartsWith("model.zip: expected a prefix file, found a saved model",
            Assert.ThrowsExactly<FormatException>(() => Prefix.Load(folder["model.zip"])).Message);
    }

    [TestMethod]
    public void Load_OfAnAdaptersWeights_NamesItsFolder()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = TinyBase.Fit(new MLContext(seed: 1));
        model.Prefix!.SaveAsPeft(folder.Path, TinyBase.Llama);
        var fault = Assert.ThrowsExactly<FormatException>(() => Prefix.Load(folder["adapter_model.safetensors"]));
        Assert.Contains("found the weights of a PEFT adapter, which is read as a whole from its folder", fault.Message);
        Assert.Contains(folder.Path, fault.Message);
    }

    [TestMethod]
    public void Read_OfAPointerAsATokenizer_SaysSo()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        File.WriteAllText(folder["tokenizer.json"], Pointer);
        var fault = Assert.ThrowsExactly<FormatException>(() => PretrainedTokenizer.FromFolder(folder.Path));
        Assert.EndsWith("It looks like a pointer file of Git LFS: fetch the real file.", fault.Message);
    }

    [TestMethod]
    [DataRow(Pointer, " It looks like a pointer file of Git LFS: fetch the real file.")]
    [DataRow("<!doctype html>", " It looks like an HTML page.")]
    [DataRow("GGUF1234", " It is a GGUF file.")]
    [DataRow("PK\u0003\u0004", " It is a zip archive, as saved models are.")]
    public void Read_OfAnotherFileAsConfig_SaysWhatItIs(string content, string expected)
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        File.WriteAllText(folder["config.json"], content);
        var fault = Assert.ThrowsExactly<FormatException>(() => ModelConfig.Read(folder["config.json"]));
        Assert.StartsWith("config.json: expected JSON, found something else: ", fault.Message);
        Assert.EndsWith(expected, fault.Message);
    }

    [TestMethod]
    [DataRow(Pointer, " It looks like a pointer file of Git LFS: fetch the real file.")]
    [DataRow("<!doctype html>", " It looks like an HTML page.")]
    [DataRow("PK\u0003\u0004", " It is a zip archive, as saved models are.")]
    public void Open_OfAnotherFileAsGguf_SaysWhatItIs(string content, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.gguf"], content);
        var fault = Assert.ThrowsExactly<FormatException>(() => GgufFile.Open(folder["model.gguf"]));
        Assert.StartsWith("model.gguf: magic number: expected that of a GGUF file, found 0x", fault.Message);
        Assert.EndsWith(expected, fault.Message);
    }

    [TestMethod]
    public void Load_OfAFolderInThePlaceOfAFile_SaysThatItIsOne()
    {
        using var folder = new TemporaryFolder();
        Action[] reads =
        [
            () => Prefix.Load(folder.Path), () => GgufFile.Open(folder.Path), () => SafeTensorsFile.Open(folder.Path),
            () => SavedModelFile.Read(folder.Path), () => TextFiles.Read(folder.Path),
            () => ModelLoading.Load(new MLContext(), folder.Path),
        ];
        foreach (Action read in reads)
            Assert.EndsWith("found a folder.", Assert.ThrowsExactly<FileNotFoundException>(read).Message);
    }

    [TestMethod]
    public void Read_OfBrokenJson_CountsLinesFrom1()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        File.WriteAllText(folder["tokenizer.json"], "{\n  \"model\": x\n}");
        Assert.Contains("Line 2, byte 12.",
            Assert.ThrowsExactly<FormatException>(() => PretrainedTokenizer.FromFolder(folder.Path)).Message);
        File.WriteAllText(folder["config.json"], "{\n\n  x\n}");
        Assert.Contains("Line 3, byte 3.", Assert.ThrowsExactly<FormatException>(() =>
            ModelConfig.Parse(File.ReadAllBytes(folder["config.json"]), "config.json")).Message);
    }

    [TestMethod]
    public void Require_WithoutABackend_SaysItPlainly()
    {
        var cause = new NotSupportedException(
            "This application or script uses TorchSharp...\nTrying to load...\nAt C:\\x");
        InvalidOperationException refusal = NativeLibrary.Refusal(cause);
        Assert.AreSame(cause, refusal.InnerException);
        Assert.DoesNotContain("Trying", refusal.Message);
        Assert.DoesNotContain("\n", refusal.Message);
    }
}
