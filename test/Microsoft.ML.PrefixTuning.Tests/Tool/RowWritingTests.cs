using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What somebody sees of rows while they are written.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowWritingTests
{
    private const int Count = 3;

    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Write_ToALog_SaysALineARowWhereTheTimeHasCome()
    {
        string[] lines = Write(isTerminal: false, hasBar: true).TrimEnd('\n').Split('\n');
        Assert.HasCount(Count, lines);
        for (int row = 0; row < Count; row++)
            StringAssert.Matches(lines[row], new($@"^{row + 1} of {Count} rows written, [\d,.]+ a second"));
    }

    [TestMethod]
    public void Write_ToATerminal_DrawsABarAndNoLines()
    {
        string drawn = Write(isTerminal: true, hasBar: true);
        StringAssert.Contains(drawn, $"{Count} of {Count} rows written");
        StringAssert.Contains(drawn, "\e[");
        Assert.IsEmpty(drawn.Split('\n').Where(line => line.StartsWith($"{Count} of", StringComparison.Ordinal)));
    }

    /// <summary>Texts that go to the terminal themselves are progress enough.</summary>
    [TestMethod]
    public void Write_ToATerminalWithTheTexts_DrawsNothing() =>
        Assert.AreEqual("", Write(isTerminal: true, hasBar: false));

    private string Write(bool isTerminal, bool hasBar)
    {
        var context = new MLContext(seed: 1);
        IDataView none = context.Data.LoadFromEnumerable(Array.Empty<FaceRow>());
        using PrefixTuningTransformer model = context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new() { Generation = new() { MaxNewTokens = 2 } }).Fit(none);
        using var source = new TextSource(model, model, []);
        var error = new StringWriter { NewLine = "\n" };
        var texts = new StringWriter { NewLine = "\n" };
        var console = new ToolConsole(TextReader.Null, texts, error)
        {
            IsErrorTerminal = isTerminal,
            MovesCursor = true,
        };
        string rows = _folder.Write("rows.txt", [.. Enumerable.Range(0, Count).Select(row => $"name : {row}")]);
        var writing = new RowWriting(console, [rows], TableFormat.Text, TableFormat.Jsonl)
        {
            Interval = TimeSpan.Zero,
        };

        writing.Write(source, new TableViewOptions(), table => new StreamedTable(texts, isOwned: false, table),
            hasBar: hasBar);

        Assert.AreEqual(Count, texts.ToString().Count(letter => letter == '\n'));
        return error.ToString();
    }
}
