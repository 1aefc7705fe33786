using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Distillation from files: the command's prefix is that of <c>DistillPrefix</c>.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class DistillVerbTests
{
    private const string Instruction = "name : The Eagle | Type : pub\nThe Eagle is a pub .\n";

    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_OfText_DistillsItAsTheLibraryDoes()
    {
        File.WriteAllText(_folder["instruction.txt"], Instruction);
        ToolRun run = Distill("--teacher-text", _folder["instruction.txt"], "--distillation-temperature", "2",
            "--distillation-top-k", "8",
            "--continuation-max-new-tokens", "5", "--max-new-tokens", "9", "--report", _folder["report.html"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        SavedModelEntry entry = SavedModelFile.Read(_folder["model.zip"]).Single();
        var mlContext = new MLContext();
        using PrefixTuningTransformer expected = mlContext.Transforms.Text.DistillPrefix("Output", "Input",
            TinyBase.Llama, PrefixTeacher.FromText(Instruction), new DistillationOptions
            {
                Student = new()
                {
                    Prefix = new() { Length = 4 },
                    Training = new() { MaxSteps = 4, BatchSize = 4, Seed = 3 }
                },
                Temperature = 2,
                TopK = 8,
                Continuations = new() { MaxNewTokens = 5 },
            }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(12)));
        CollectionAssert.AreEqual(expected.Prefix!.ToBytes(), entry.Prefix!.ToBytes());
        Assert.AreEqual(expected.TrainingSummary!.Distillation, entry.Saved.Training!.Distillation);
        Assert.AreEqual(9, entry.Saved.Generation.MaxNewTokens);
        Assert.Contains("divergence in nats a token", File.ReadAllText(_folder["report.html"]));
    }

    [TestMethod]
    public void Run_WithTextsAndHowTheyAreWritten_IsAUsageError()
    {
        ToolRun run = Distill("--teacher-prefix", "long.safetensors", "--continuation-column", "Label",
            "--continuation-max-new-tokens", "5");
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--continuation-max-new-tokens goes without --continuation-column", run.Error);
    }

    [TestMethod]
    public void Run_OfPrefix_NamesTheDivergenceAndWhatWasDistilled()
    {
        SavedModelFile.Read(_folder.Train()).Single().Prefix!.Save(_folder["long.safetensors"]);
        ToolRun run = Distill("--teacher-prefix", _folder["long.safetensors"], "--continuation-column", "Label",
            "--prefix-length", "2");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("4 tokens into 2",
            run.Lines.Single(line => line.StartsWith("distilled ", StringComparison.Ordinal)));
        Assert.ContainsSingle(line =>
            line.StartsWith("divergence (nats a token) ", StringComparison.Ordinal), run.Lines);
        Assert.DoesNotContain("loss", run.Out);
    }

    [TestMethod]
    public void Run_WithoutOneTeacher_IsAUsageError()
    {
        Assert.AreEqual(ExitCode.Usage, Distill().Code);
        Assert.AreEqual(ExitCode.Usage, Distill("--teacher-text", "text", "--teacher-prefix", "prefix").Code);
        ToolRun missing = Distill("--teacher-text", _folder["missing.txt"]);
        Assert.AreEqual(ExitCode.Failed, missing.Code);
        Assert.Contains("missing.txt", missing.Error);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow(" \n")]
    public void Run_OfATeacherWithoutAText_NamesItsFile(string content)
    {
        File.WriteAllText(_folder["empty.txt"], content);
        ToolRun run = Distill("--teacher-text", _folder["empty.txt"]);
        Assert.AreEqual((ExitCode.Failed, $"prefix-tune: '{_folder["empty.txt"]}': expected a text, found nothing but"
            + " white space.\n"), (run.Code, run.Error));
    }

    [TestMethod]
    public void Run_OfATeacherThatIsTooLong_SpeaksOfWhatIsTyped()
    {
        string text = _folder.Write("long.txt", string.Join(' ', Enumerable.Repeat("word", 400)));
        ToolRun run = Distill("--teacher-text", text);
        Assert.Contains("prefix-tune: --teacher-text: expected a text of fewer tokens than", run.Error);
        Assert.Contains("(--document, --teacher-column)", run.Error);
        ToolRun place = Distill("--teacher-text", _folder.Write("place.txt", "behind {input}"));
        Assert.Contains("prefix-tune: --teacher-text: expected a text without {input}", place.Error);
    }

    // A later --prefix-length would be a second one: the default is put in only where there is none.
    private ToolRun Distill(params string[] options) =>
        ToolFolder.Run(["distill", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base,
        "--input", "Input", "--model", _folder["model.zip"], "--max-steps", "4", "--batch-size", "4", "--seed", "3",
        .. options.Contains("--prefix-length") ? [] : (string[])["--prefix-length", "4"], .. options]);
}
