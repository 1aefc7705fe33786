using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Help, exit codes and errors.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ToolCommandTests
{
    private static readonly string[] Verbs =
        ["train", "distill", "sweep", "generate", "merge", "evaluate", "serve", "inspect", "convert"];

    public static IEnumerable<object[]> EveryVerb => Verbs.Select(verb => new object[] { verb });

    [TestMethod]
    [DynamicData(nameof(EveryVerb))]
    public void Help_OfEveryVerb_HasExamplesThatParse(string verb)
    {
        ToolRun run = ToolFolder.Run(verb, "--help");
        Assert.AreEqual(ExitCode.Done, run.Code);
        Assert.AreEqual("", run.Error);
        string[] examples = [.. run.Lines.SkipWhile(line => line != "Examples:").Skip(1).Select(line => line.Trim())];
        Assert.IsGreaterThan(1, examples.Length);
        foreach (string example in examples)
        {
            // Files of the examples are not there: that is another fault than one of the command line.
            string call = example[example.IndexOf("prefix-tune ", StringComparison.Ordinal)..].Split('>')[0];
            // Which parts are missing is told of files that are not there, too.
            if (!call.Contains("smollm2", StringComparison.Ordinal) && !call.Contains("--missing"))
                Assert.AreEqual(ExitCode.Failed,
                    ToolFolder.Run(call.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]).Code, example);
        }
    }

    [TestMethod]
    public void Help_OfTheCommand_NamesEveryVerb()
    {
        string text = ToolFolder.Run("--help").Out;
        foreach (string verb in Verbs)
            Assert.Contains($"  {verb} ", text);
        Assert.Contains("Usage:\n  prefix-tune ", text.ReplaceLineEndings("\n"));
    }

    [TestMethod]
    public void Help_OfTrain_ShowsDefaults()
    {
        string text = ToolFolder.Run("train", "--help").Out;
        foreach (string expected in (string[])["--batch-size <number>", "[default: 8]", "--decay <none|linear|cosine>",
            "[default: cosine]", "AdamW's decoupled weight decay.", "Default: that of what is trained"])
            Assert.Contains(expected, text);
    }

    [TestMethod]
    public void Help_OfTrain_HasItsOptionsInGroups()
    {
        string[] blocks = ToolFolder.Run("train", "--help").Out.ReplaceLineEndings("\n").Split("\n\n");
        (string Title, string Option)[] expected =
        [
            ("Files and columns", "--curves"), ("What is trained", "--prefix-length"), ("Training", "--batch-size"),
            ("Training", "--no-early-stopping"), ("Rows and base", "--threads"),
            ("How texts are written", "--max-new-tokens"), ("Options", "--help"),
        ];
        foreach ((string title, string option) in expected)
        {
            string block = blocks.Single(block => block.StartsWith($"{title}:\n", StringComparison.Ordinal));
            Assert.IsTrue(block.Contains($"  {option} ", StringComparison.Ordinal)
                || block.Contains($", {option} ", StringComparison.Ordinal), option);
        }
        string all = string.Join('\n', blocks);
        Assert.AreEqual(1, all.Split("\n  --temperature ").Length - 1, "each option once");
        Assert.DoesNotContain(": . ", all, "every kind says what it is");
    }

    [TestMethod]
    [DoNotParallelize]
    [DataRow("")]
    [DataRow("no-such-verb")]
    [DataRow("train rows.tsv")]
    [DataRow("generate --no-such-option")]
    [DataRow("generate rows.tsv")]
    [DataRow("evaluate outputs.txt")]
    [DataRow("evaluate rows.tsv --label Label")]
    [DataRow("inspect")]
    [DataRow("train rows.tsv --base b --input i --label l --model m.zip --batch-size many")]
    [DataRow("train rows.tsv --base b --input i --label l --model m.zip --decay sine")]
    public void Run_OfWrongCommandLine_IsUsageError(string line)
    {
        using var folder = new ToolFolder();
        folder.WriteRows("rows.tsv");
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Folder;
        try
        {
            ToolRun run = ToolFolder.Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
            Assert.AreEqual("", run.Out);
            AssertOneLine(run.Error);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [TestMethod]
    [DataRow("train  --base b --input i --label l --model m.zip", "data")]
    [DataRow("train r.tsv --base  --input i --label l --model m.zip", "--base")]
    [DataRow("train r.tsv --base b --input i --label l --model ", "--model")]
    [DataRow("train r.tsv --base b --input i --label l --model m.zip --state ", "--state")]
    [DataRow("train r.tsv --base b --input i --label l --model m.zip --attribute-column ", "--attribute-column")]
    [DataRow("train r.tsv --base b --input i --label l --model m.zip --prefix-start file:", "--prefix-start")]
    [DataRow("generate r.tsv --model m.zip --to ", "--to")]
    [DataRow("generate r.tsv --model ", "--model")]
    [DataRow("generate r.tsv --base b --prefix ", "--prefix")]
    [DataRow("generate r.tsv --base b --input ", "--input")]
    [DataRow("generate r.tsv --base b --device ", "--device")]
    [DataRow("evaluate r.tsv ", "files")]
    [DataRow("inspect ", "path")]
    [DataRow("convert m.zip ", "target")]
    [DataRow("sweep s.yaml --results ", "--results")]
    [DataRow("merge  --shards 2", "file")]
    public void Run_OfAnEmptyName_IsUsageErrorThatNamesIt(string line, string name)
    {
        ToolRun run = ToolFolder.Run(line.Split(' '));
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.StartsWith($"prefix-tune: {name}: expected a ", run.Error);
        Assert.Contains(", found an empty text.", run.Error);
    }

    [TestMethod]
    [DataRow("trian", "Did you mean 'train'?")]
    [DataRow("generate --model m.zip --stop-string a", "Did you mean '--stop-strings'?")]
    [DataRow("train --max-epoch 3", "Did you mean '--max-epochs'?")]
    [DataRow("train --epochs 3", "Did you mean '--max-epochs'?")]
    [DataRow("generate --model m.zip --max-tokens 3", "Did you mean '--max-new-tokens'?")]
    [DataRow("generate rows.tsv -model m.zip", "Did you mean '--model'?")]
    [DataRow("generate rows.tsv -modle m.zip", "Did you mean '--model'?")]
    public void Run_OfAMistypedName_SaysWhatMayBeMeant(string line, string expected)
    {
        ToolRun run = ToolFolder.Run(line.Split(' '));
        Assert.AreEqual(ExitCode.Usage, run.Code);
        Assert.Contains(expected, run.Error);
        AssertOneLine(run.Error);
    }

    [TestMethod]
    public void Run_OfAWordThatIsLikeNone_SuggestsNothing() =>
        Assert.DoesNotContain("Did you mean", ToolFolder.Run("bake").Error);

    [TestMethod]
    [DynamicData(nameof(EveryVerb))]
    public void Help_OfEveryVerb_SpeaksOfTheCommandAlone(string verb)
    {
        string text = ToolFolder.Run(verb, "--help").Out;
        foreach (string word in (string[])["null", "MLContext", "GpuDeviceId", "FallbackToCpu", " Fit ", "DefaultText"])
            Assert.DoesNotContain(word, text);
    }

    [TestMethod]
    public void Help_OfAStart_TellsItsDefaultThere()
    {
        Assert.Contains("without one, a text made from the column names", Words("train"));
        Assert.Contains("without one, the first tokens of the teacher", Words("distill"));
        Assert.DoesNotContain("at most 128 tokens", Words("distill"));
        Assert.Contains("Default: cpu.", Words("train"));
        Assert.Contains("random starts. Default: that of the state that is resumed, else drawn anew.", Words("train"));

        static string Words(string verb) =>
            string.Join(' ',
                ToolFolder.Run(verb, "--help").Out.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    [TestMethod]
    public void Run_OfWrongOptions_NamesAllOfThem()
    {
        using var folder = new ToolFolder();
        ToolRun run = ToolFolder.Run("train", folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label",
            "--model", folder["model.zip"], "--batch-size", "0", "--beta1", "2");
        Assert.AreEqual(ExitCode.Usage, run.Code);
        Assert.Contains("--batch-size: expected 1 or more, found 0.", run.Error);
        Assert.Contains("--beta1: expected 0 or more and below 1, found 2.", run.Error);
        AssertOneLine(run.Error);
        Assert.IsFalse(File.Exists(folder["model.zip"]));
    }

    [TestMethod]
    public void Run_OfMissingFile_IsOneLineWithoutStackTrace()
    {
        ToolRun run = ToolFolder.Run("inspect", "no-such-file.zip");
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.AreEqual("prefix-tune: 'no-such-file.zip': found nothing there.\n", run.Error);
        ToolRun verbose = ToolFolder.Run("inspect", "no-such-file.zip", "--verbose");
        Assert.AreEqual(ExitCode.Failed, verbose.Code);
        Assert.Contains("   at ", verbose.Error);
    }

    [TestMethod]
    [DataRow("other.tsv", "rows.tsv")]
    [DataRow("rows.tsv", "other.tsv")]
    public void Run_OfMissingColumn_NamesItItsFileAndThoseThatAreThere(string rows, string validation)
    {
        using var folder = new ToolFolder();
        folder.WriteRows("rows.tsv");
        folder.Write("other.tsv", "Facts\tLabel", "red\tRed.");
        ToolRun run = ToolFolder.Run("train", folder[rows], "--validation", folder[validation], "--base",
            ToolFolder.Base, "--input", "Facts", "--label", "Label", "--model", folder["model.zip"]);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.AreEqual($"prefix-tune: Could not find column 'Facts' in '{folder["rows.tsv"]}'; there are: 'Input',"
            + " 'Label'.\n", run.Error);
    }

    /// <summary>Asserts that an error is a sentence of the command and nothing else.</summary>
    public static void AssertOneLine(string error)
    {
        Assert.StartsWith("prefix-tune: ", error);
        Assert.AreEqual(error.Length - 1, error.IndexOf('\n'), error);
    }
}
