using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Text;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Training from files of rows.</summary>
[TestClass]
public sealed class TrainVerbTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_OfEveryFormat_TrainsTheSamePrefix()
    {
        byte[][] prefixes = [.. new[] { "rows.tsv", "rows.csv", "rows.jsonl" }
            .Select(rows => Entry(_folder.Train(rows + ".zip", rows)).Prefix!.ToBytes())];
        CollectionAssert.AreEqual(prefixes[0], prefixes[1]);
        CollectionAssert.AreEqual(prefixes[0], prefixes[2]);
    }

    [TestMethod]
    public void Run_OfOneSource_CountsItAsOne()
    {
        ToolRun run = ToolFolder.Run("train", _folder.Write("one.tsv", "Input\tLabel", "a\tb"), "--base",
            ToolFolder.Base, "--input", "Input", "--label", "Label", "--model", _folder["one.zip"],
            "--prefix-length", "1", "--max-steps", "1");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("1 for training (1 source), 0 for validation (0 sources)", run.Out);
        Assert.Contains("completed after 1 step, 1 epoch,", run.Out);
        Assert.Contains(" 1 token, in front of everything", ToolFolder.Run("inspect", _folder["one.zip"]).Out);
    }

    [TestMethod]
    public void Run_WithOptions_SavesThemInTheModel()
    {
        string model = _folder.Train(options: ["--output", "Text", "--template", "Q: {input}\nA:", "--decoding", "beam",
            "--beam-width", "3",
            "--stop-strings", "a", "--stop-strings", "b", "--generation-batch-size", "5", "--truncation", "start",
                "--decay", "linear", "--learning-rate", "0.5"]);
        SavedModel saved = Entry(model).Saved;
        Assert.AreEqual(4, Entry(model).Prefix!.Length);
        Assert.AreEqual(("Input", "Text", "Q: {input}\nA:"), (saved.InputColumn, saved.OutputColumn, saved.Template));
        Assert.AreEqual(Decoding.Beam(3), saved.Generation.Decoding);
        Assert.AreEqual((10, 5), (saved.Generation.MaxNewTokens, saved.Generation.BatchSize));
        Assert.AreEqual(PromptTruncation.None, saved.Generation.Truncation);
        CollectionAssert.AreEqual(new[] { "a", "b" }, saved.Generation.StopStrings.ToArray());
        // The rate falls on a line, from the first of four steps on: the fourth one has a quarter of the highest.
        Assert.AreEqual(0.125, saved.Training!.LearningRates[^1], 1e-9);
    }

    [TestMethod]
    public void Run_WithTheNameOfTheChatTemplate_TrainsWithIt()
    {
        using TemporaryFolder chatting = new TemporaryFolder().CopyFrom(ToolFolder.Base);
        File.WriteAllText(chatting["chat_template.jinja"], ChatTexts.SmolLM2);
        string expected = BaseModel.FromFolder(chatting.Path).OpenChatTemplate();
        string[] command = ["train", _folder.WriteRows("rows.tsv"), "--input", "Input", "--label", "Label", "--model",
            _folder["model.zip"], "--prefix-length", "2", "--max-steps", "1", "--batch-size", "2", "--max-new-tokens",
            "10"];

        ToolRun trained = ToolFolder.Run([.. command, "--base", chatting.Path, "--template", "@chat"]);
        ToolRun none = ToolFolder.Run([.. command, "--base", ToolFolder.Base, "--template", "@chat"]);
        ToolRun text = ToolFolder.Run([.. command, "--base", ToolFolder.Base, "--template", "@chat {input}"]);

        Assert.AreEqual(ExitCode.Done, trained.Code, trained.Error);
        Assert.AreEqual(ExitCode.Usage, none.Code);
        Assert.Contains($"--template @chat: Base model '{ToolFolder.Base}': expected a chat template", none.Error);
        // It has the place of the input, so it is a text like any other.
        Assert.AreEqual(ExitCode.Done, text.Code, text.Error);
        Assert.AreEqual("@chat {input}", Entry(_folder["model.zip"]).Saved.Template);
        ToolRun again = ToolFolder.Run([.. command, "--base", chatting.Path, "--template=@chat"]);
        Assert.AreEqual(ExitCode.Done, again.Code, again.Error);
        Assert.AreEqual(expected, Entry(_folder["model.zip"]).Saved.Template);
    }

    [TestMethod]
    public void Run_WithReport_WritesThePageOfTheTraining()
    {
        string model = _folder.Train(options: ["--report", _folder["report.html"], "--template", "{input} =>",
            "--validation-fraction", "0.3"]);
        Entry(model).Saved.Training!.WriteReport(_folder["expected.html"]);
        string page = File.ReadAllText(_folder["report.html"]), expected = File.ReadAllText(_folder["expected.html"]);
        Assert.AreEqual(expected[..expected.IndexOf("<section>", System.StringComparison.Ordinal)],
            page[..page.IndexOf("<section>", System.StringComparison.Ordinal)]);
        string text = System.Net.WebUtility.HtmlDecode(page);
        foreach (string part in (string[])["Rows held out", "<td>Template</td>", "prefix-tune train ",
            "--template '{input} =>'"])
            Assert.Contains(part, text);
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label",
            "--model", _folder["other.zip"], "--report", _folder["missing/report.html"]);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.DoesNotContain("step", run.Error);
    }

    [TestMethod]
    public void Run_WithCurves_WritesALineAStep()
    {
        string model = _folder.Train(options: ["--curves", _folder["curves.csv"]]);
        Assert.HasCount(2 + Entry(model).Saved.Training!.Losses.Count, File.ReadAllLines(_folder["curves.csv"]));
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", _folder["other.zip"], "--curves", _folder["rows.tsv"]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--curves", run.Error);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    [DataRow("--report")]
    [DataRow("--curves")]
    public void Run_WhereWhatGoesWithTheModelCannotBeWritten_SaysThatTheModelIsSaved(string option)
    {
        string model = _folder["saved.zip"];
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", model, "--max-steps", "1", "--prefix-length", "2", option,
            "/dev/full");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("'/dev/full': writing failed", run.Error);
        Assert.Contains($"Saved to {model}.", run.Out);
        Assert.IsTrue(File.Exists(model));
    }

    [TestMethod]
    public void Run_WithValidationFile_ValidatesOnItsRows()
    {
        string model = _folder.Train(options: ["--validation", _folder.WriteRows("held.csv", 5)]);
        Assert.AreEqual((12, 5),
            (Entry(model).Saved.Training!.TrainingRows, Entry(model).Saved.Training!.ValidationRows));
    }

    [TestMethod]
    public void Run_StartedFromPrefixFile_KeepsItsLength()
    {
        string first = _folder.Train("first.zip");
        Entry(first).Prefix!.Save(_folder["first.safetensors"]);
        string[] command = ["train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input", "Input",
            "--label", "Label", "--model", _folder["second.zip"], "--prefix-start",
            $"file:{_folder["first.safetensors"]}", "--max-steps", "1"];
        ToolRun run = ToolFolder.Run(command);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(4, Entry(_folder["second.zip"]).Prefix!.Length);
        ToolRun same = ToolFolder.Run([.. command, "--prefix-length", "4"]);
        Assert.AreEqual(ExitCode.Done, same.Code, same.Error);
        ToolRun other = ToolFolder.Run([.. command, "--prefix-length", "9"]);
        Assert.AreEqual(ExitCode.Usage, other.Code, other.Error);
        Assert.Contains("--prefix-length: expected none, or the 4 tokens of --prefix-start, found 9.", other.Error);
    }

    [TestMethod]
    [DataRow("--state-interval 3", "--state-interval goes with --state, found none.")]
    [DataRow("--example-rows 2", "--example-rows goes with --report, found none.")]
    [DataRow("--validation rows.tsv --validation-fraction 0.2", "--validation-fraction goes without --validation")]
    public void Run_WithWhatMeansNothingBesideTheRest_IsRefused(string options, string message)
    {
        ToolRun run = ToolFolder.Run(["train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", _folder["model.zip"], .. options.Split(' ')]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(message, run.Error);
        Assert.IsFalse(File.Exists(_folder["model.zip"]));
    }

    [TestMethod]
    [DataRow("model.tsv")]
    [DataRow("model.safetensors")]
    [DataRow("model.gguf")]
    public void Run_IntoAFileThatIsNamedAsSomethingElse_IsRefused(string name)
    {
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", _folder[name]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--model: expected the name of a saved model (.zip), found", run.Error);
        Assert.IsFalse(File.Exists(_folder[name]));
    }

    [TestMethod]
    public void Run_IntoAFileWithoutAnEnding_MakesAModelThatInspectKnows()
    {
        string model = _folder["model"];
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", model, "--max-steps", "1", "--prefix-length", "2");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        run = ToolFolder.Run("inspect", model);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
    }

    [TestMethod]
    public void Run_WithATextBesideTheTask_TellsTheDriftAsInspectDoes()
    {
        string model = _folder["model.zip"];
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", model, "--max-steps", "1", "--prefix-length", "2", "--drift-text",
            "The Eagle is a pub .");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        TextDrift drift = Entry(model).Saved.Training!.Drift!;
        string loss = drift.PrefixLoss.ToString("F4", CultureInfo.InvariantCulture);
        foreach (ToolRun told in (ToolRun[])[run, ToolFolder.Run("inspect", model)])
        {
            StringAssert.Contains(told.Lines.Single(line => line.StartsWith("drift (nats a token) ",
                StringComparison.Ordinal)), $"{loss} with it");
        }
    }

    [TestMethod]
    public void Run_WithStateFile_LeavesOneAndResumes()
    {
        string[] options = ["--state", _folder["state"], "--state-interval", "1"];
        string model = _folder.Train(options: options);
        Assert.IsTrue(File.Exists(_folder["state"]));
        byte[] trained = Entry(model).Prefix!.ToBytes();
        CollectionAssert.AreEqual(trained, Entry(_folder.Train("again.zip", options: options)).Prefix!.ToBytes());
    }

    [TestMethod]
    public void Run_WithStateFileAndNoSeed_SaysWhatBecameOfIt()
    {
        string[] train = ["train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input", "Input",
            "--label", "Label", "--prefix-length", "4", "--max-steps", "4", "--batch-size", "4",
            "--state", _folder["state"], "--report", _folder["report.html"]];
        ToolRun first = ToolFolder.Run([.. train, "--model", _folder["first.zip"]]);
        Assert.AreEqual(ExitCode.Done, first.Code, first.Error);
        int seed = Entry(_folder["first.zip"]).Saved.Training!.Seed!.Value;
        ToolRun second = ToolFolder.Run([.. train, "--model", _folder["second.zip"]]);
        Assert.AreEqual(ExitCode.Done, second.Code, second.Error);
        Assert.Contains($"The training was already complete, after 4 of 4 steps: its state is in '{_folder["state"]}'.",
            second.Error);
        Assert.AreEqual(seed, Entry(_folder["second.zip"]).Saved.Training!.Seed);
        StringAssert.Matches(second.Out, new($@"seed\s+{seed}\b"));
        StringAssert.Matches(ToolFolder.Run("inspect", _folder["first.zip"]).Out, new($@"seed\s+{seed}\b"));
        Assert.Contains($"{seed}", File.ReadAllText(_folder["report.html"]));
        ToolRun other = ToolFolder.Run([.. train, "--model", _folder["third.zip"], "--seed", "3"]);
        Assert.AreEqual(ExitCode.Failed, other.Code);
        Assert.Contains($"another training: --seed: saved {seed}, given 3.", other.Error);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_Interrupted_SavesTheBestSoFar()
    {
        string model = _folder["model.zip"];
        using Process child = ToolFolder.Start("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base,
            "--input", "Input", "--label", "Label",
            "--model", model, "--prefix-length", "4", "--batch-size", "4", "--max-epochs", "3000",
                "--no-early-stopping");
        string? line = child.StandardError.ReadLine();
        // Some processors have an option of their own, which is said first.
        while (line is not null && !line.StartsWith("step 1/", StringComparison.Ordinal))
            line = child.StandardError.ReadLine();
        Assert.IsNotNull(line);
        using (Process kill = Process.Start("kill", ["-INT", $"{child.Id}"]))
            kill.WaitForExit();
        Task<string> output = child.StandardOutput.ReadToEndAsync();
        string told = child.StandardError.ReadToEnd();
        int acknowledged = told.IndexOf(Interruption.Acknowledgement, StringComparison.Ordinal);
        Assert.IsGreaterThanOrEqualTo(0, acknowledged, told);
        // The step that was under way may be told still, no later one is.
        Assert.IsLessThanOrEqualTo(1, told[acknowledged..].Split("step ").Length - 1, told);
        // A training that no interrupt reaches ends by itself, and not as one that was cancelled.
        child.WaitForExit();
        Assert.AreEqual(ExitCode.Cancelled, child.ExitCode);
        Assert.Contains("Cancelled; the best prefix so far was saved to", output.Result);
        Assert.AreEqual(TrainingEnd.Cancelled, Entry(model).Saved.Training!.End);
        Assert.AreEqual(ExitCode.Done,
            ToolFolder.RunWith("Venue\n", "generate", "--model", model, "--max-new-tokens", "4").Code);
    }

    [TestMethod]
    public void Run_WithFolderThatIsMissing_FailsBeforeTraining()
    {
        ToolRun run = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label",
            "--model", _folder["missing/model.zip"]);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.DoesNotContain("step", run.Error);
        Assert.Contains("missing", run.Error);
    }

    private static SavedModelEntry Entry(string model) => SavedModelFile.Read(model).Single();
}
