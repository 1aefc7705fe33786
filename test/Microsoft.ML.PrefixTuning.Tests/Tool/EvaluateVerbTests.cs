using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>
/// The command's figures are those of <c>mlContext.TextGeneration.Evaluate</c>, however the texts come.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class EvaluateVerbTests
{
    private static readonly Measured[] Rows =
    [
        new() { Output = "Blue Spice is a pub in the city centre .", Labels = ["Blue Spice is a pub in the centre .",
            "A pub , Blue Spice , is in the city centre ."], Group = "a" },
        new() { Output = "", Labels = ["The Mill serves Chinese food .", "Chinese food is served ."], Group = "b" },
        new() { Output = "Une crêperie 🥞 at the river",
            Labels = ["A crêperie 🥞 stands at the river", "There is a crêperie 🥞 ."], Group = "c" },
    ];

    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_OfReferenceFiles_TakesOneReferenceALine()
    {
        string[] references = [.. Enumerable.Range(0, 2)
            .Select(i => _folder.Write($"references-{i}.txt", [.. Rows.Select(row => row.Labels[i])]))];
        AssertFigures(Expected(Rows), "evaluate", WriteOutputs(), references[0], references[1]);
    }

    [TestMethod]
    public void Run_OfRowsWithoutATextForAnErrorColumn_TellsHowMany()
    {
        string rows = _folder.Write("long.tsv", "Input\tLabel\tFault", "a\tx\tformer",
            $"{string.Join(' ', Enumerable.Repeat("Venue", 400))}\ty\tformer");
        string[] command = ["evaluate", rows, "--base", ToolFolder.Base, "--input", "Input", "--label", "Label",
            "--max-new-tokens", "4"];
        Assert.AreEqual(ExitCode.Failed, ToolFolder.Run(command).Code);
        ToolRun run = ToolFolder.Run([.. command, "--error-column", "Fault"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("warning: 1 of 2 rows have no text and are measured as empty ones; the first: Row 2",
            run.Error);
    }

    [TestMethod]
    public void Run_OfReferenceBlocks_TakesLinesUpToABlankOne()
    {
        string references = _folder.Write("references.txt", [.. Rows.SelectMany(row => (string[])[.. row.Labels, ""])]);
        AssertFigures(Expected(Rows), "evaluate", WriteOutputs(), references, "--reference-blocks");
        ToolRun wrong = ToolFolder.Run("evaluate", WriteOutputs(), references);
        Assert.AreEqual(ExitCode.Failed, wrong.Code);
        Assert.Contains("expected references for 3 texts", wrong.Error);
        Assert.Contains("With --reference-blocks it fits.", wrong.Error);
    }

    [TestMethod]
    [DataRow("tsv")]
    [DataRow("csv")]
    public void Run_OfTable_PutsGroupsTogether(string format)
    {
        string separator = format == "csv" ? "," : "\t", quote = format == "csv" ? "\"" : "";
        string table =
            _folder.Write($"rows.{format}", ["Out,Label,Key".Replace(",", separator, StringComparison.Ordinal),
            .. Enumerable.Range(0, 2).SelectMany(i => Rows.Select(row =>
            string.Join(separator, new[] { row.Output, row.Labels[i], row.Group }
                .Select(text => quote + text + quote))))]);
        AssertFigures(Expected(Rows), "evaluate", table, "--output", "Out", "--label", "Label", "--group-column",
            "Key");
    }

    [TestMethod]
    public void Run_OfJsonLines_TakesArraysOfReferences()
    {
        string table = _folder.Write("rows.jsonl", [.. Rows.Select(row => JsonSerializer.Serialize(row))]);
        AssertFigures(Expected(Rows), "evaluate", table, "--output", "Output", "--label", "Labels");
    }

    [TestMethod]
    public void Run_WithOptions_MeasuresByThem()
    {
        string references = _folder.Write("references.txt", [.. Rows.Select(row => row.Labels[0].ToUpperInvariant())]);
        Measured[] upper =
            [.. Rows.Select(row => new Measured { Output = row.Output, Labels = [row.Labels[0].ToUpperInvariant()] })];
        var options = new TextGenerationEvaluationOptions { Lowercase = true, BleuSmoothing = BleuSmoothing.AddK };
        TextGenerationMetrics expected = Expected(upper, options);
        Assert.AreNotEqual(Expected(upper).Bleu, expected.Bleu);
        AssertFigures(expected, "evaluate", WriteOutputs(), references, "--lowercase", "--bleu-smoothing", "add-k");
    }

    [TestMethod]
    public void Run_WithModel_MeasuresItsTexts()
    {
        string model = _folder.Train(), rows = _folder.WriteRows("test.tsv", 5);
        Assert.AreEqual(ExitCode.Done,
            ToolFolder.Run("generate", rows, "--model", model, "--to", _folder["written.jsonl"]).Code);
        ToolRun table =
            ToolFolder.Run("evaluate", _folder["written.jsonl"], "--output", "Output", "--label", "Label", "--json");
        ToolRun direct = ToolFolder.Run("evaluate", rows, "--model", model, "--label", "Label", "--json");
        Assert.AreEqual(ExitCode.Done, direct.Code, direct.Error);
        Assert.AreEqual(5, JsonDocument.Parse(direct.Out).RootElement.GetProperty("segmentCount").GetInt32());
        Assert.AreEqual(table.Out, direct.Out);
    }

    [TestMethod]
    public void Run_WithoutJson_PrintsATable()
    {
        string references = _folder.Write("references.txt", [.. Rows.Select(row => row.Labels[0])]);
        ToolRun run = ToolFolder.Run("evaluate", WriteOutputs(), references);
        TextGenerationMetrics expected =
            Expected([.. Rows.Select(row => new Measured { Output = row.Output, Labels = [row.Labels[0]] })]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        string[] found =
            [.. run.Lines.Select(Cells).Where(cells => cells.Length > 1).Select(cells => $"{cells[0]}: {cells[1]}")];
        CollectionAssert.AreEqual((string[])["measure: figure", .. Figures(expected)], found, run.Out);
        Assert.Contains("as E2E papers", run.Out);
        Assert.Contains("as WebNLG papers", run.Out);
        Assert.DoesNotContain("\u001b", run.Out);

        static string[] Cells(string line) => Regex.Split(line.Trim(), " {2,}");
    }

    [TestMethod]
    [DataRow("bleu,ChrF", new[] { "bleu", "bleuByOrder", "bleuBrevityPenalty", "chrF", "chrFPlusPlus" })]
    [DataRow("exact-match", new[] { "exactMatch" })]
    [DataRow("e2e", new[] { "nist", "meteor", "cider", "e2E" })]
    public void Run_WithMetrics_MeasuresTheseAlone(string names, string[] figures)
    {
        string references = _folder.Write("references.txt", [.. Rows.Select(row => row.Labels[0])]);
        ToolRun run = ToolFolder.Run("evaluate", WriteOutputs(), references, "--metrics", names, "--json");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        string[] found = [.. JsonDocument.Parse(run.Out).RootElement.EnumerateObject()
            .Select(property => property.Name)];
        CollectionAssert.AreEquivalent((string[])["segmentCount", "outputLength", "referenceLength", "notes",
            .. figures], found);
    }

    [TestMethod]
    [DataRow("exact-match", "--meteor-folder=lists", "--meteor-folder: expected --metrics with meteor or e2e or ")]
    [DataRow("bleu,chrf", "--rouge-stemming", "--rouge-stemming: expected --metrics with rouge, found bleu, chrf.")]
    [DataRow("e2e", "--bleu-smoothing=floor", "--bleu-smoothing: expected --metrics with bleu, found e2e.")]
    [DataRow("e2e", "--bleu-tokenization=none", "--bleu-tokenization: expected --metrics with bleu, found e2e.")]
    [DataRow("rouge", "--lowercase", "--lowercase: expected --metrics with bleu or chrf, found rouge.")]
    public void Run_WithAnOptionOfWhatIsNotMeasured_IsRefused(string metrics, string option, string message)
    {
        ToolRun run = ToolFolder.Run("evaluate", WriteOutputs(), WriteOutputs(), "--metrics", metrics, option);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(message, run.Error);
    }

    [TestMethod]
    public void Run_WithMetricsTwice_PrintsTheirLinesAlone()
    {
        string references = _folder.Write("references.txt", [.. Rows.Select(row => row.Labels[0])]);
        ToolRun run = ToolFolder.Run("evaluate", WriteOutputs(), references, "--metrics", "ter", "--metrics", "bleu");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("TER ", run.Out);
        Assert.Contains("BLEU-1 to -4", run.Out);
        foreach (string other in (string[])["METEOR", "ROUGE", "NaN", "papers", "exact"])
            Assert.DoesNotContain(other, run.Out);
    }

    [TestMethod]
    public void Run_WithUnknownMetric_NamesThoseThereAre()
    {
        ToolRun run = ToolFolder.Run("evaluate", WriteOutputs(), WriteOutputs(), "--metrics", "bleu,blue");
        Assert.AreEqual(ExitCode.Usage, run.Code);
        Assert.Contains("--metrics: expected bleu, nist, meteor, rouge, cider, chrf, ter, exact-match, e2e, webnlg, "
            + "all, found 'blue'.", run.Error);
    }

    [TestMethod]
    public void Run_OfFiguresBeyondTheirRange_ExplainsThem()
    {
        string outputs = _folder.Write("outputs.txt", "a b c d e", "a", "b", "c d", "ночь");
        ToolRun table = ToolFolder.Run("evaluate", outputs, outputs),
            json = ToolFolder.Run("evaluate", outputs, outputs, "--json");
        Assert.Contains("\n* BLEU of E2E and WebNLG papers: ", table.Out);
        Assert.Contains("\n* ROUGE: ", table.Out);
        string[] notes = [.. JsonDocument.Parse(json.Out).RootElement.GetProperty("notes").EnumerateArray()
            .Select(note => note.GetString()!)];
        Assert.HasCount(2, notes);
        foreach (string note in notes)
            Assert.Contains($"* {note}\n", table.Out);
    }

    [TestMethod]
    public void Run_OfNoTexts_NamesTheFile()
    {
        string table = _folder.Write("rows.tsv", "Out\tLabel"), empty = _folder.Write("empty.txt");
        ToolRun ofTable = ToolFolder.Run("evaluate", table, "--output", "Out", "--label", "Label");
        ToolRun ofLines = ToolFolder.Run("evaluate", empty, empty);
        Assert.AreEqual((ExitCode.Failed, $"prefix-tune: '{table}': expected texts to measure, found none.\n"),
            (ofTable.Code, ofTable.Error));
        Assert.AreEqual((ExitCode.Failed, $"prefix-tune: '{empty}': expected texts to measure, found none.\n"),
            (ofLines.Code, ofLines.Error));
    }

    [TestMethod]
    public void Run_OfGroupsWithSeveralOutputs_MeasuresEach()
    {
        string[] rows = ["a b c\ta b c d\tg", "b c\tb c d\tg", "a b c\tx\tg", "e f\te f g\th"];
        string there = Json("there.tsv", rows), back = Json("back.tsv", [.. rows.Reverse()]);
        Assert.AreEqual(there, back);
        Assert.AreEqual(3, JsonDocument.Parse(there).RootElement.GetProperty("segmentCount").GetInt32());

        string Json(string name, string[] lines) =>
            ToolFolder.Run("evaluate", _folder.Write(name, ["Out\tLabel\tKey", .. lines]),
            "--output", "Out", "--label", "Label", "--group-column", "Key", "--json").Out;
    }

    [TestMethod]
    [DataRow("--max-new-tokens", "5")]
    [DataRow("--engine", "llama-cpp")]
    [DataRow("--template", "{input}")]
    [DataRow("--input", "Facts")]
    public void Run_OfTextsWithOptionsOfWriting_RefusesThem(string option, string value)
    {
        string table = _folder.Write("table.tsv", "Facts\tWritten\tWanted", "a\tb\tb");
        ToolRun run =
            ToolFolder.Run("evaluate", table, "--label", "Wanted", "--output", "Written", option, value);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains($"{option} goes with --model or --base", run.Error);
    }

    [TestMethod]
    public void Run_OfMissingColumn_NamesIt()
    {
        string rows = _folder.Write("rows.tsv", "Out\tLabel");
        ToolRun run = ToolFolder.Run("evaluate", rows, "--output", "Text", "--label", "Label");
        Assert.AreEqual(
            (ExitCode.Failed, $"prefix-tune: Could not find column 'Text' in '{rows}'; there are: 'Out', 'Label'.\n"),
            (run.Code, run.Error));
    }

    [TestMethod]
    public void Run_OfMissingGroup_NamesItsPlace()
    {
        string table = _folder.Write("rows.tsv", "Out\tLabel\tKey", "a\tb\tc", "d\te\t");
        ToolRun run = ToolFolder.Run("evaluate", table, "--output", "Out", "--label", "Label", "--group-column", "Key");
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.Contains("rows.tsv, line 3, column 'Key': expected a group, found an empty text.", run.Error);
    }

    private string WriteOutputs() => _folder.Write("outputs.txt", [.. Rows.Select(row => row.Output)]);

    private static void AssertFigures(TextGenerationMetrics expected, params string[] arguments)
    {
        ToolRun run = ToolFolder.Run([.. arguments, "--json"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        AssertEqual(expected, JsonDocument.Parse(run.Out).RootElement, "metrics");
    }

    /// <summary>Compares every property, so that a new measure is compared too.</summary>
    private static void AssertEqual(object expected, JsonElement found, string place)
    {
        switch (expected)
        {
            case int or double:
                Assert.AreEqual(Convert.ToDouble(expected, CultureInfo.InvariantCulture), found.GetDouble(), place);
                break;
            case IReadOnlyList<string> notes:
                CollectionAssert.AreEqual(notes.ToArray(),
                    found.EnumerateArray().Select(note => note.GetString()).ToArray(), place);
                break;
            case IReadOnlyList<double> list:
                CollectionAssert.AreEqual(list.ToArray(), found.EnumerateArray().Select(figure => figure.GetDouble())
                    .ToArray(), place);
                break;
            default:
                foreach (PropertyInfo property in expected.GetType().GetProperties())
                    AssertEqual(property.GetValue(expected)!,
                        found.GetProperty(JsonNamingPolicy.CamelCase.ConvertName(property.Name)),
                        $"{place}.{property.Name}");
                break;
        }
    }

    /// <summary>The rows of the table as they are to be, with as many decimals as their scales make sense of.</summary>
    private static IEnumerable<string> Figures(TextGenerationMetrics metrics)
    {
        return
        [
            $"texts: {metrics.SegmentCount}", $"BLEU: {Two(metrics.Bleu)}",
                $"BLEU-1 to -4: {string.Join(' ', metrics.BleuByOrder.Select(Two))}",
            $"brevity penalty: {Four(metrics.BleuBrevityPenalty)}", $"ROUGE-1 F: {Four(metrics.Rouge1.F)}",
                $"ROUGE-2 F: {Four(metrics.Rouge2.F)}",
            $"ROUGE-L F: {Four(metrics.RougeL.F)}", $"ROUGE-Lsum F: {Four(metrics.RougeLsum.F)}",
                $"chrF: {Two(metrics.ChrF)}",
            $"chrF++: {Two(metrics.ChrFPlusPlus)}", $"METEOR: {Four(metrics.Meteor)}", $"NIST: {Four(metrics.Nist)}",
                $"CIDEr: {Four(metrics.Cider)}",
            $"TER: {Two(metrics.Ter)}", $"exact match: {Four(metrics.ExactMatch)}",
                $"length of texts: {Two(metrics.OutputLength)}",
            $"length of references: {Two(metrics.ReferenceLength)}", $"BLEU: {Two(metrics.E2E.Bleu)}",
                $"NIST: {Two(metrics.E2E.Nist)}",
            $"METEOR: {Two(metrics.E2E.Meteor)}", $"ROUGE-L: {Two(metrics.E2E.RougeL)}",
                $"CIDEr: {Two(metrics.E2E.Cider)}",
            $"BLEU: {Two(metrics.WebNlg.Bleu)}", $"METEOR: {Two(metrics.WebNlg.Meteor)}",
                $"TER: {Two(metrics.WebNlg.Ter)}",
        ];

        static string Two(double figure) => figure.ToString("F2", CultureInfo.InvariantCulture);

        static string Four(double figure) => figure.ToString("F4", CultureInfo.InvariantCulture);
    }

    private static TextGenerationMetrics Expected(Measured[] rows, TextGenerationEvaluationOptions? options = null)
    {
        var mlContext = new MLContext();
        return mlContext.TextGeneration.Evaluate(mlContext.Data.LoadFromEnumerable(rows), "Labels", "Output", options);
    }

    private sealed class Measured
    {
        public string Output { get; set; } = "";

        [VectorType]
        public string[] Labels { get; set; } = [];

        public string Group { get; set; } = "";
    }
}
