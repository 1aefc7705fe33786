using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Tool;
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
    [DataRow(Pointer, " It looks like a pointer file of Git LFS: fetch the real file.")]
    [DataRow("<!doctype html>", " It looks like an HTML page.")]
    [DataRow("GGUF1234", " It is a GGUF file.")]
    [DataRow("{ \"a\": 1 }", " It looks like JSON.")]
    [DataRow("\u0010\0\0\0\0\0\0\0{ }", " It is a safetensors file, as prefixes and weights are.")]
    [DataRow("PK\u0003\u0004", "corrupt.")]
    public void Read_OfAnotherFileAsASavedModel_SaysWhatItIs(string content, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.zip"], content);
        var fault = Assert.ThrowsExactly<FormatException>(() => SavedModelFile.Read(folder["model.zip"]));
        Assert.StartsWith("model.zip: expected a saved model, found no zip archive: ", fault.Message);
        Assert.EndsWith(expected, fault.Message);
    }

    [TestMethod]
    [DataRow("model.safetensors", "It is a safetensors file, as prefixes and weights are.")]
    [DataRow("config.json", "It looks like JSON.")]
    public void Open_OfAFileOfABaseAsGguf_NamesItsFolder(string name, string expected)
    {
        string folder = TinyBase.Folder("llama");
        Assert.EndsWith($"{expected} It lies in '{folder}', which is named as a whole. It is the folder of a base.",
            Assert.ThrowsExactly<FormatException>(() => GgufFile.Open(Path.Combine(folder, name))).Message);
    }

    [TestMethod]
    public void Read_OfAFolderOfAnotherKind_SaysWhatItIs()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = TinyBase.Fit(new MLContext(seed: 1));
        model.Prefix!.SaveAsPeft(folder.Path, TinyBase.Llama);
        Assert.EndsWith("not found. It is the folder of a PEFT adapter.",
            Assert.ThrowsExactly<FileNotFoundException>(() => ModelConfig.Read(folder["config.json"])).Message);
        Assert.EndsWith("not found. It is the folder of a base.", Assert.ThrowsExactly<FileNotFoundException>(() =>
            Prefix.FromPeft(TinyBase.Folder("llama"), TinyBase.Llama)).Message);
    }

    [TestMethod]
    [DataRow("rows.csv", Pointer, "rows.csv: expected rows as csv, found a pointer file of Git LFS: fetch the real")]
    [DataRow("rows.txt", Pointer, "rows.txt: expected rows as text, found a pointer file of Git LFS: fetch the real")]
    [DataRow("rows.jsonl", "\u001f\u008b", "rows.jsonl: expected rows as jsonl, found a file that is packed with gzip:"
        + " unpack it.")]
    [DataRow("rows.tsv", "PK\u0003\u0004", "rows.tsv: expected rows as tsv, found a zip archive.")]
    [DataRow("rows.tsv", "PAR1\u0015\0\u0015", "rows.tsv: expected rows as tsv, found a Parquet file.")]
    [DataRow("rows.csv", "GGUF\u0003\0\0\0", "rows.csv: expected rows as csv, found a GGUF file.")]
    [DataRow("rows.tsv", "I\0n\0\n\0", "rows.tsv: expected rows as tsv, found zero bytes, as UTF-16 and UTF-32 have")]
    [DataRow("rows.txt", "\0I\0n\0\n", "rows.txt: expected rows as text, found zero bytes, as UTF-16 and UTF-32 have")]
    [DataRow("rows.csv", "GGUF,version\n", "Could not find column 'Input' in")]
    public void Generate_OfAnotherFileAsRows_SaysWhatItIs(string name, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[name], content, Encoding.Latin1);
        ToolRun run = ToolFolder.Run("generate", folder[name], "--base", TinyBase.Folder("llama"));
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Out);
        Assert.Contains(expected, run.Error);
    }

    [TestMethod]
    public void Read_OfAnotherFileAsText_SaysWhatItIs()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["teacher.txt"], Pointer);
        Assert.AreEqual($"'{folder["teacher.txt"]}': expected a text, found a pointer file of Git LFS: fetch the real"
            + " file.", Assert.ThrowsExactly<FormatException>(() => TextFiles.Read(folder["teacher.txt"])).Message);
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
