using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>A document distilled on the command line: the base writes the rows.</summary>
[TestClass]
public sealed class DistillDocumentTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_OfADocument_WritesRowsAndDistilsThem()
    {
        ToolRun run = Distill("--study-rows", _folder["study.jsonl"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("part 1 of ", run.Error);
        IReadOnlyList<StudyRow> expected =
            SelfStudy.Write(TinyBase.Llama, StudyDocument.Text, StudyDocument.Quick with { Template = Chat() });
        string[] kept = File.ReadAllLines(_folder["study.jsonl"]);
        CollectionAssert.AreEqual(expected.Select(row => (row.Question, row.Answer, row.Part)).ToArray(), kept
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Select(row => (row.GetProperty("Question").GetString(),
                row.GetProperty("Answer").GetString(), row.GetProperty("Part").GetString())).ToArray());
        SavedModelEntry entry = SavedModelFile.Read(_folder["model.zip"]).Single();
        Assert.AreEqual("Question", entry.Saved.InputColumn);
        Assert.AreEqual(4, entry.Prefix!.Length);

        // What was kept is distilled to the same prefix, by a command without the document.
        string[] template = Chat() is { } chat ? ["--template", chat.Replace("\\", "\\\\").Replace("\n", "\\n")] : [];
        ToolRun again = ToolFolder.Run(["distill", _folder["study.jsonl"], "--base", ToolFolder.Base, "--input",
            "Question", "--teacher-column", "Part", "--continuation-column", "Answer", "--model",
            _folder["again.zip"], .. Training, .. template]);
        Assert.AreEqual(ExitCode.Done, again.Code, again.Error);
        CollectionAssert.AreEqual(entry.Prefix.ToBytes(),
            SavedModelFile.Read(_folder["again.zip"]).Single().Prefix!.ToBytes());
    }

    [TestMethod]
    public void Write_OfTheProcessesOfATraining_KeepsTheRowsOfTheFirst()
    {
        string kept = _folder["study.jsonl"], other;
        using (var file = new StudyFile(kept))
        {
            other = file.Write(TinyBase.Llama, StudyDocument.Text, "Question", StudyDocument.Quick, isFirst: false);
            Assert.IsFalse(File.Exists(kept));
            Assert.AreEqual(kept,
                file.Write(TinyBase.Llama, StudyDocument.Text, "Question", StudyDocument.Quick, isFirst: true));
            CollectionAssert.AreEqual(File.ReadAllBytes(kept), File.ReadAllBytes(other));
        }
        Assert.IsTrue(File.Exists(kept));
        Assert.IsFalse(File.Exists(other));
    }

    [TestMethod]
    public void Run_WithoutAFileForRows_LeavesNone()
    {
        ToolRun run = Distill("--input", "Asked");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        CollectionAssert.AreEquivalent(new[] { "document.txt", "model.zip" },
            Directory.GetFiles(_folder.Folder).Select(Path.GetFileName).ToArray());
    }

    [TestMethod]
    [DataRow("--teacher-text document.txt", "--document: expected no --teacher-text beside it, found")]
    [DataRow("--teacher-column Part", "--document: expected no --teacher-column beside it, found 'Part'.")]
    [DataRow("--continuation-column A", "--document: expected no --continuation-column beside it, found 'A'.")]
    [DataRow("--continuation-max-new-tokens 5", "--document: expected no --continuation-max-new-tokens beside it")]
    [DataRow("--input Part", "--input: expected another name than 'Answer' and 'Part'")]
    [DataRow("--questions-per-part 0", "--questions-per-part: expected 1 or more, found 0.")]
    [DataRow("--format csv", "--format goes with a file of rows or --validation, found neither.")]
    [DataRow("--study-rows study.csv", "--study-rows: expected the name of a file of JSON lines (.jsonl, ")]
    [DataRow("--prefix-length 0", "--prefix-length: expected 1 or more, found 0.")]
    [DataRow("--prefix-length 80",
        "--prefix-length: expected fewer tokens than the 80 of a part (--tokens-per-part), found 80.")]
    public void Run_OfADocumentAndWhatHasNoPartInIt_IsAUsageError(string options, string message)
    {
        ToolRun run = Distill(options.Split(' '));
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(message, run.Error);
        Assert.DoesNotContain("part 1 of", run.Error);
        Assert.IsFalse(File.Exists(_folder["model.zip"]));
    }

    [TestMethod]
    public void Run_OfRowsAndADocument_IsAUsageError()
    {
        ToolRun run = Distill(_folder.WriteRows("rows.tsv"));
        Assert.AreEqual(ExitCode.Usage, run.Code);
        Assert.Contains("--document: expected no rows beside it, found", run.Error);
    }

    [TestMethod]
    [DataRow("", "expected a file of rows.")]
    [DataRow("rows.tsv", "expected --input, the column that is read.")]
    [DataRow("rows.tsv --input Input --study-rows s.jsonl", "expected --document beside")]
    [DataRow("rows.tsv --input Input --questions-per-part 3", "expected --document beside")]
    public void Run_WithoutADocument_NeedsRows(string line, string message)
    {
        ToolRun run = ToolFolder.Run(["distill", .. line.Split(' ').Where(word => word.Length > 0), "--base",
            ToolFolder.Base, "--teacher-text", "text", "--model", _folder["model.zip"]]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(message, run.Error);
    }

    [TestMethod]
    public void Run_OfABlankDocument_SaysSo()
    {
        ToolRun run = ToolFolder.Run("distill", "--document", _folder.Write("blank.txt", " "), "--base",
            ToolFolder.Base, "--model", _folder["model.zip"]);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.Contains("expected a text, found nothing but white space", run.Error);
    }

    private static string[] Training =>
        ["--max-steps", "4", "--batch-size", "4", "--seed", "3", "--prefix-length", "4"];

    private static string? Chat()
    {
        try
        {
            return TinyBase.Llama.OpenChatTemplate();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private ToolRun Distill(params string[] options)
    {
        File.WriteAllText(_folder["document.txt"], StudyDocument.Text);
        SelfStudyOptions quick = StudyDocument.Quick;
        return ToolFolder.Run(["distill", "--document", _folder["document.txt"], "--base", ToolFolder.Base, "--model",
            _folder["model.zip"], .. options.Contains("--prefix-length") ? Training[..^2] : Training,
            "--tokens-per-part", $"{quick.TokensPerPart}",
            .. options.Contains("--questions-per-part") ? [] : (string[])["--questions-per-part", "4"],
            "--max-question-tokens", $"{quick.MaxQuestionTokens}", "--max-answer-tokens", $"{quick.MaxAnswerTokens}",
            "--seed-prompts", "Venue", "--seed-prompts", "name", .. options]);
    }
}
