using System.IO;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>
/// What a message says of a row that comes from a file: its number, from where it counts, and the line it begins in.
/// </summary>
[TestClass]
public sealed class RowPlaceTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow("rows.csv", "Input,Label\n\"a\nb\n\",x\n\"c\r\nd\",\n", "Row 2 (the first is 1; rows.csv, line 5)")]
    [DataRow("rows.csv", "Input,Label\na,x\n\"c\r\nd\",\ne,y\n", "Row 2 (the first is 1; rows.csv, line 3)")]
    [DataRow("rows.tsv", "Input\tLabel\na\tx\nb\t\n", "Row 2 (the first is 1; rows.tsv, line 3)")]
    [DataRow("rows.jsonl", "\n{\"Input\":\"a\",\"Label\":\"x\"}\n \n\n{\"Input\":\"b\",\"Label\":\"\"}\n",
        "Row 2 (the first is 1; rows.jsonl, line 5)")]
    [DataRow("rows.json", "[{\"Input\":\"a\",\"Label\":\"x\"},\n\n{\n\"Input\":\"b\",\n\"Label\":\"\"\n}\n]",
        "Row 2 (the first is 1; rows.json, line 3 (row 2))")]
    public void Train_OnARowWithoutLabel_NamesItsLine(string name, string content, string expected)
    {
        string rows = WriteText(name, content);
        Assert.Contains($"{expected}, column 'Label': expected a text, found an empty one", Train(rows).Error);
        string good = _folder.Write("good.tsv", "Input\tLabel", "a\tx", "b\ty");
        Assert.Contains($"--validation: {expected}, column 'Label'", Train(good, "--validation", rows).Error);
    }

    [TestMethod]
    public void Train_OnRowsOfStandardInput_NamesTheirLine() =>
        Assert.Contains("Row 2 (the first is 1; standard input, line 3), column 'Label'",
            ToolFolder.RunWith("Input\tLabel\na\tx\nb\t\n", Command("-")).Error);

    [TestMethod]
    [DataRow("rows.csv", "Input,Tone,Label\n\"a\n\nb\",calm,x\nc,odd,y\n", "Row 2 (the first is 1; rows.csv, line 5)")]
    [DataRow("rows.jsonl", "{\"Input\":\"a\",\"Tone\":\"calm\",\"Label\":\"x\"}\n\n"
        + "{\"Input\":\"b\",\"Tone\":\"odd\",\"Label\":\"y\"}\n", "Row 2 (the first is 1; rows.jsonl, line 3)")]
    public void Write_OfARowThatIsNoGood_NamesItsLine(string name, string content, string expected)
    {
        string model = _folder.TrainTones(), rows = WriteText(name, content);
        expected += ", column 'Tone': expected one of 'calm', 'loud', found 'odd'.";
        Assert.Contains(expected, ToolFolder.Run("generate", rows, "--model", model).Error);
        // The first row is kept: a second run begins behind it.
        Assert.Contains(expected, ToolFolder.Run("generate", rows, "--model", model, "--to", _folder["to.tsv"],
            "--look-ahead", "1").Error);
        Assert.Contains(expected, ToolFolder.Run("generate", rows, "--model", model, "--to", _folder["to.tsv"],
            "--look-ahead", "1").Error);
        Assert.Contains(expected, ToolFolder.Run("evaluate", rows, "--model", model, "--label", "Label").Error);
    }

    [TestMethod]
    public void Write_BehindAnotherStep_NamesTheLineAllTheSame()
    {
        string model = _folder.TrainTones(), chained = _folder["chained.zip"];
        var mlContext = new MLContext(seed: 1);
        ITransformer tuned = mlContext.Model.Load(model, out DataViewSchema schema);
        IDataView none = mlContext.Data.LoadFromEnumerable(new[] { new ToneRow() });
        ITransformer first = mlContext.Transforms.CopyColumns("Copy", "Input").Fit(none);
        mlContext.Model.Save(new Data.TransformerChain<ITransformer>(first, tuned), schema, chained);
        string rows = WriteText("rows.csv", "Input,Tone,Label\n\"a\n\nb\",calm,x\nc,odd,y\n");
        Assert.Contains("Row 2 (the first is 1; rows.csv, line 5), column 'Tone'",
            ToolFolder.Run("generate", rows, "--model", chained).Error);
    }

    [TestMethod]
    [DataRow("rows.csv", "Output,Label,Group\n\"a\nb\",x,1\nc,y,\n", "rows.csv, line 4")]
    [DataRow("rows.jsonl", "{\"Output\":\"a\",\"Label\":\"x\",\"Group\":\"1\"}\n\n"
        + "{\"Output\":\"a\",\"Label\":\"x\",\"Group\":\"\"}\n", "rows.jsonl, line 3")]
    public void Evaluate_OfARowWithoutGroup_NamesItsLine(string name, string content, string expected) =>
        Assert.Contains($"{expected}, column 'Group': expected a group", ToolFolder.Run("evaluate",
            WriteText(name, content), "--output", "Output", "--label", "Label", "--group-column", "Group").Error);

    private ToolRun Train(string rows, params string[] options)
    {
        ToolRun run = ToolFolder.Run([.. Command(rows), .. options]);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        return run;
    }

    private string[] Command(string rows) => ["train", rows, "--base", ToolFolder.Base, "--input", "Input", "--label",
        "Label", "--model", _folder["model.zip"], "--prefix-length", "2", "--max-steps", "1"];

    private string WriteText(string name, string content)
    {
        File.WriteAllText(_folder[name], content);
        return _folder[name];
    }

    private sealed class ToneRow
    {
        public string Input { get; set; } = "";

        public string Label { get; set; } = "";

        public string Tone { get; set; } = "";
    }
}
