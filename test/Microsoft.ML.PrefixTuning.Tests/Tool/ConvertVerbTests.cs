using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Text;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Conversions, there and back.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ConvertVerbTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_ModelToPrefixAndBack_KeepsEveryByte()
    {
        string model = _folder.Train();
        Convert(model, _folder["there.safetensors"]);
        Convert(_folder["there.safetensors"], _folder["back.zip"], "--base", ToolFolder.Base, "--input", "Facts",
            "--output", "Text", "--max-new-tokens", "6", "--template", "{input}:");
        Convert(_folder["back.zip"], _folder["again.safetensors"]);
        CollectionAssert.AreEqual(File.ReadAllBytes(_folder["there.safetensors"]),
            File.ReadAllBytes(_folder["again.safetensors"]));
        SavedModel saved = SavedModelFile.Read(_folder["back.zip"]).Single().Saved;
        Assert.AreEqual(("Facts", "Text", "{input}:", 6),
            (saved.InputColumn, saved.OutputColumn, saved.Template, saved.Generation.MaxNewTokens));
    }

    [TestMethod]
    public void Run_WithTheNameOfTheChatTemplate_SavesItsTextAndWritesWithIt()
    {
        using TemporaryFolder chatting = new TemporaryFolder().CopyFrom(ToolFolder.Base);
        File.WriteAllText(chatting["chat_template.jinja"], ChatTexts.SmolLM2);
        string expected = BaseModel.FromFolder(chatting.Path).OpenChatTemplate();
        Convert(_folder.Train(), _folder["there.safetensors"]);
        string[] command = ["generate", "--base", chatting.Path, "--prefix", _folder["there.safetensors"],
            "--max-new-tokens", "6", "--template"];

        Convert(_folder["there.safetensors"], _folder["back.zip"], "--base", chatting.Path, "--input", "Input",
            "--output", "Text", "--template", "@chat");
        ToolRun named = ToolFolder.RunWith("a\n", [.. command, "@chat"]);
        ToolRun written = ToolFolder.RunWith("a\n", [.. command, EscapedText.Write(expected)]);

        Assert.AreEqual(expected, SavedModelFile.Read(_folder["back.zip"]).Single().Saved.Template);
        Assert.AreEqual(ExitCode.Done, named.Code, named.Error);
        Assert.AreEqual(written.Out, named.Out);
    }

    [TestMethod]
    public void Run_ModelToAdapterAndBack_KeepsEveryNumber()
    {
        string model = _folder.Train();
        Convert(model, _folder["adapter"], "--base-name", "some/base");
        Convert(_folder["adapter"], _folder["back.safetensors"], "--base", ToolFolder.Base);
        float[] trained = SavedModelFile.Read(model).Single().Prefix!.Part(AttentionSite.Decoder)!.Values;
        CollectionAssert.AreEqual(trained, Prefix.Load(_folder["back.safetensors"])
            .Part(AttentionSite.Decoder)!.Values);
        // An adapter is a prefix of the other verbs too, and the prefix an adapter again.
        Convert(_folder["back.safetensors"], _folder["adapter-2"], "--base", ToolFolder.Base, "--base-name",
            "some/base");
        foreach (string file in (string[])["adapter_config.json", "adapter_model.safetensors"])
            CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(_folder["adapter"], file)),
                File.ReadAllBytes(Path.Combine(_folder["adapter-2"], file)), file);
        Assert.AreEqual(ExitCode.Done, ToolFolder.RunWith("a\n", "generate", "--base", ToolFolder.Base, "--prefix",
            _folder["adapter"], "--max-new-tokens", "3").Code);
    }

    [TestMethod]
    [DataRow("refuse")]
    [DataRow("use-shared-part")]
    public void Run_OfModelWithAttribute_TakesThePrefixOfTheValue(string unseen)
    {
        string model = _folder.TrainTones(options: ["--unseen-attribute", unseen]);
        using var trained = (PrefixTuningTransformer)new MLContext().Model.Load(model, out _);
        foreach ((string tone, Prefix prefix) in trained.Prefixes)
        {
            Convert(model, _folder[$"{tone}.safetensors"], "--attribute", tone);
            CollectionAssert.AreEqual(prefix.ToBytes(), File.ReadAllBytes(_folder[$"{tone}.safetensors"]), tone);
        }
        string[] named = ["--attribute: expected a value of 'Tone'", "'calm', 'loud'"];
        foreach (string expected in named)
        {
            AssertUsage(expected, model, _folder["none.safetensors"]);
            AssertUsage(expected, model, _folder["none.safetensors"], "--attribute", "odd");
        }
        Assert.IsFalse(File.Exists(_folder["none.safetensors"]));
    }

    [TestMethod]
    public void Run_WithAttributeThatNothingHas_IsRefused()
    {
        string model = _folder.Train();
        AssertUsage("expected none, since model.zip has no attribute column", model, _folder["prefix.safetensors"],
            "--attribute", "calm");
        Convert(model, _folder["prefix.safetensors"]);
        AssertUsage("--attribute goes with a saved model", _folder["prefix.safetensors"], _folder["adapter"], "--base",
            ToolFolder.Base, "--attribute", "calm");
    }

    [TestMethod]
    public void Run_WithoutWhatItNeeds_SaysWhat()
    {
        string model = _folder.Train();
        Convert(model, _folder["prefix.safetensors"]);
        AssertUsage("same kind", model, _folder["other.zip"]);
        AssertUsage("--base", _folder["prefix.safetensors"], _folder["adapter"]);
        AssertUsage("--input and --output", _folder["prefix.safetensors"], _folder["other.zip"], "--base",
            ToolFolder.Base);
        AssertUsage("found a base", ToolFolder.Base, _folder["other.safetensors"]);
    }

    [TestMethod]
    public void Run_WithWhatTheTargetHasNoPlaceFor_IsRefused()
    {
        string model = _folder.Train(), prefix = _folder["prefix.safetensors"], adapter = _folder["adapter"];
        AssertUsage("--input goes with a saved model (.zip) as the target", model, prefix, "--input", "Facts");
        AssertUsage("--max-new-tokens goes with a saved model", model, prefix, "--max-new-tokens", "3");
        AssertUsage("--beam-width goes with a saved model", model, adapter, "--beam-width", "3");
        AssertUsage("--template goes with a saved model", model, adapter, "--template", "{input}");
        AssertUsage("--base-name goes with the folder of a PEFT adapter", model, prefix, "--base-name", "some/base");
        AssertUsage("--base goes with a prefix or an adapter", model, prefix, "--base", ToolFolder.Base);
        AssertUsage("--pre-tokenizer goes with --base, found 'gpt-2' alone", model, prefix, "--pre-tokenizer", "gpt-2");
        AssertUsage("--pre-tokenizer goes with --base", model, adapter, "--pre-tokenizer", "gpt-2");
        Assert.IsFalse(File.Exists(prefix) || Directory.Exists(adapter));
    }

    [TestMethod]
    public void Run_IntoTheFolderOfABase_LeavesItABase()
    {
        string model = _folder.Train();
        using TemporaryFolder copy = new TemporaryFolder().CopyFrom(ToolFolder.Base);
        string expected = $"'{copy.Path}': expected a folder for the adapter alone, found that of a base";
        AssertUsage(expected, model, copy.Path);
        AssertUsage(expected, model, copy.Path, "--base", copy.Path);
        Assert.IsFalse(File.Exists(copy["adapter_config.json"]) || File.Exists(copy["adapter_model.safetensors"]));
    }

    [TestMethod]
    public void Run_ToStandardOutput_IsRefused()
    {
        AssertUsage("'-': expected a saved model (.zip), a prefix (.safetensors) or the folder", _folder.Train(), "-");
        Assert.IsFalse(Directory.Exists("-"));
    }

    [TestMethod]
    [DataRow("model.gguf")]
    [DataRow("prefix.PT")]
    [DataRow("rows.json")]
    [DataRow("rows.tsv")]
    public void Run_ToANameOfAnotherKind_IsRefused(string name)
    {
        string model = _folder.Train();
        File.Delete(_folder["rows.tsv"]);
        AssertUsage($"of a PEFT adapter as the target, found a name with the ending '{Path.GetExtension(name)}' of"
            + " another kind of file.", model, _folder[name]);
        Assert.IsFalse(Path.Exists(_folder[name]));
        // Names of versions have an ending, too, and a folder that is there is what it is.
        Directory.CreateDirectory(_folder[name]);
        Convert(model, _folder[name], "--base", ToolFolder.Base);
        Convert(model, _folder["adapter-1.5"], "--base", ToolFolder.Base);
    }

    [TestMethod]
    public void Run_WithAnotherBase_IsRefused()
    {
        Convert(_folder.Train(), _folder["prefix.safetensors"]);
        ToolRun run = ToolFolder.Run("convert", _folder["prefix.safetensors"], _folder["other.zip"], "--base",
            TinyBase.Folder("t5"), "--input", "Input", "--output", "Output");
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.IsFalse(File.Exists(_folder["other.zip"]));
    }

    [TestMethod]
    public void Run_OfAModelWhoseBaseIsInTheNetwork_DoesNotOpenIt()
    {
        string model = _folder.Train();
        // It leads to the base, if it is followed.
        string network = (OperatingSystem.IsWindows() ? @"\\?\" : "/") + ToolFolder.Base;
        ModelArchive.ChangeBase(model, ("path", network));
        ToolRun run = ToolFolder.Run("convert", model, _folder["adapter"]);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains($"'{network}': a place in the network, which is not opened because", run.Error);
        Assert.IsFalse(Directory.Exists(_folder["adapter"]));
        // Nor are its files looked at, to find out whether one of them is written.
        new CommandFiles().ReadModel("the source", model)
            .Write("the target", Path.Combine(ToolFolder.Base, "config.json")).Check();
        Convert(model, _folder["adapter"], "--base", ToolFolder.Base);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Run_OfAModelWhoseBaseMoved_FindsItAsLoadingDoes()
    {
        string model = _folder.Train();
        Convert(model, _folder["there"], "--base-name", "some/base");
        ModelArchive.ChangeBase(model, ("path", _folder["gone"]));
        ToolRun gone = ToolFolder.Run("convert", model, _folder["adapter"]);
        Assert.AreEqual(ExitCode.Failed, gone.Code, gone.Error);
        Assert.Contains($"'{_folder["gone"]}': nothing is there", gone.Error);
        Environment.SetEnvironmentVariable(BaseLocator.Variable, Path.GetDirectoryName(ToolFolder.Base));
        try
        {
            Convert(model, _folder["adapter"], "--base-name", "some/base");
        }
        finally
        {
            Environment.SetEnvironmentVariable(BaseLocator.Variable, null);
        }
        foreach (string file in (string[])["adapter_config.json", "adapter_model.safetensors"])
            CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(_folder["there"], file)),
                File.ReadAllBytes(Path.Combine(_folder["adapter"], file)), file);
    }

    private static void Convert(params string[] arguments)
    {
        ToolRun run = ToolFolder.Run(["convert", .. arguments]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
    }

    private static void AssertUsage(string expected, params string[] arguments)
    {
        ToolRun run = ToolFolder.Run(["convert", .. arguments]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(expected, run.Error);
    }
}
