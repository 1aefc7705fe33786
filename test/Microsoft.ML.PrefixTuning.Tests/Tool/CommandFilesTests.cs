using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>No verb writes over what it reads or writes elsewhere, whatever paths lead there.</summary>
[TestClass]
public sealed class CommandFilesTests
{
    private const string Train =
        "train rows.tsv --base base --input Input --label Label --max-steps 1 --prefix-length 2";
    private const string Distill =
        "distill rows.tsv --base base --input Input --teacher-text teacher.txt --max-steps 1";
    private const string Document = "distill --document teacher.txt --base base --max-steps 1";
    private const string Generate = "generate rows.tsv --model model.zip";

    private static readonly ToolFolder Folder = new();

    [ClassInitialize]
    public static void Make(TestContext _)
    {
        Directory.CreateDirectory(Folder["base"]);
        foreach (string file in Directory.GetFiles(ToolFolder.Base))
            File.Copy(file, Path.Combine(Folder["base"], Path.GetFileName(file)));
        Folder.WriteRows("rows.tsv");
        Folder.WriteRows("other.tsv");
        Folder.WriteRows("runs.jsonl");
        Folder.Write("compare.yaml", "base: base", "data: runs.jsonl", "input: Input", "label: Label");
        Folder.Write("sweep.json", """{ "base": "base", "data": "rows.tsv", "input": "Input", "label": "Label" }""");
        Folder.Write("start.yaml", "base: base", "data: rows.tsv", "input: Input", "label: Label",
            "options: { prefix-start: 'file:results/runs.jsonl' }");
        Folder.Write("next.tsv.partial", "Input", "a");
        Folder.Write("teacher.txt", "An instruction of some words");
        ToolRun run = ToolFolder.Run([.. Absolute($"{Train} --model model.zip")]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run("convert", Folder["model.zip"],
            Folder["prefix.safetensors"]).Code);
        Directory.CreateDirectory(Folder["results"]);
        File.Copy(Folder["prefix.safetensors"], Path.Combine(Folder["results"], "runs.jsonl"));
        ToolRun peft = ToolFolder.Run("convert", Folder["model.zip"], Folder["peft"], "--base", Folder["base"]);
        Assert.AreEqual(ExitCode.Done, peft.Code, peft.Error);
        SaveChain("chain.zip");
        File.Copy(Folder["model.zip"], Folder["moved.zip"]);
        ModelArchive.ChangeBase(Folder["moved.zip"], ("path", Folder["gone"]));
        if (OperatingSystem.IsWindows())
            return;
        File.CreateSymbolicLink(Folder["soft.tsv"], "rows.tsv");
        File.CreateSymbolicLink(Folder["softer.tsv"], "soft.tsv");
        Directory.CreateSymbolicLink(Folder["folder"], ".");
        File.CreateSymbolicLink(Folder["later.html"], "m.zip");
        using Process link = Process.Start("ln", [Folder["rows.tsv"], Folder["hard.tsv"]]);
        link.WaitForExit();
    }

    [ClassCleanup]
    public static void Delete() => Folder.Dispose();

    [TestMethod]
    [DataRow(Train + " --model rows.tsv")]
    [DataRow(Train + " --model ./base/../rows.tsv")]
    [DataRow(Train + " --model base/model.safetensors")]
    [DataRow(Train + " --model base/tokenizer.json")]
    [DataRow(Train + " --model m.zip --report rows.tsv")]
    [DataRow(Train + " --model m.zip --report m.zip")]
    [DataRow(Train + " --model m.zip --report base/config.json")]
    [DataRow(Train + " --model m.zip --state rows.tsv")]
    [DataRow(Train + " --model m.zip --state m.zip")]
    [DataRow(Train + " --model m.zip --state r.html --report r.html")]
    [DataRow(Train + " --model m.zip --validation other.tsv --report other.tsv")]
    [DataRow(Train + " --model m.zip --prefix-start file:prefix.safetensors --report prefix.safetensors")]
    [DataRow(Distill + " --model m.zip --report teacher.txt")]
    [DataRow(Distill + " --model base/model.safetensors")]
    [DataRow(Document + " --model teacher.txt")]
    [DataRow(Document + " --model m.zip --study-rows teacher.txt")]
    [DataRow(Document + " --model m.zip --study-rows m.zip")]
    [DataRow(Document + " --model m.zip --study-rows base/config.json")]
    [DataRow(Generate + " --to rows.tsv")]
    [DataRow(Generate + " --to model.zip --to-format tsv")]
    [DataRow(Generate + " --to base/config.json")]
    [DataRow("generate rows.tsv --model chain.zip --to counted/tokenizer.json --to-format tsv")]
    [DataRow("generate rows.tsv --model chain.zip --to counted/config.json")]
    [DataRow("generate rows.tsv --model chain.zip --to base/tokenizer.json")]
    [DataRow("generate next.tsv.partial --format tsv --model model.zip --to next.tsv")]
    [DataRow("generate rows.tsv --base base --prefix prefix.safetensors --to prefix.safetensors --to-format tsv")]
    [DataRow("generate rows.tsv --base base --prefix peft --input Input --to peft/adapter_config.json")]
    [DataRow("generate rows.tsv --base base --input Input --to base/config.json")]
    [DataRow("generate row?.tsv --model model.zip --to rowz.tsv")]
    [DataRow("generate *ows.tsv --model model.zip --to new-rows.tsv")]
    [DataRow("generate rows* --format tsv --model model.zip --to rows-written.tsv --shard 1/2")]
    [DataRow("sweep compare.yaml --results .")]
    [DataRow("sweep sweep.json --results .")]
    [DataRow("sweep start.yaml --results results")]
    [DataRow("convert model.zip base/model.safetensors")]
    [DataRow("convert peft base/model.safetensors --base base")]
    public void Run_OntoAnotherFile_IsRefused(string line) => AssertRefused(line);

    [TestMethod]
    [OSCondition(ConditionMode.Include, OperatingSystems.Linux | OperatingSystems.OSX)]
    [DataRow(Train + " --model m.zip --report softer.tsv")]
    [DataRow(Train + " --model m.zip --report folder/rows.tsv")]
    [DataRow(Train + " --model m.zip --report later.html")]
    [DataRow(Generate + " --to softer.tsv")]
    [DataRow(Generate + " --to hard.tsv")]
    [DataRow(Generate + " --to folder/folder/rows.tsv")]
    [DataRow("generate softer.tsv --model folder/model.zip --to rows.tsv")]
    [DataRow("convert folder/model.zip folder/base/model.safetensors")]
    [DataRow("generate row*.tsv --model model.zip --to folder/rows-new.tsv")]
    public void Run_OntoAnotherFileThroughLinks_IsRefused(string line) => AssertRefused(line);

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    [DataRow("train - --base base --input Input --label Label --max-steps 1 --model rows.tsv < rows.tsv")]
    [DataRow("train rows.tsv --validation - --base base --input Input --label Label --max-steps 1 --model other.tsv"
        + " < other.tsv")]
    [DataRow("generate --format tsv --model model.zip --to rows.tsv < rows.tsv")]
    [DataRow("generate - --format tsv --model model.zip --to hard.tsv < softer.tsv")]
    [DataRow(Generate + " >> rows.tsv")]
    [DataRow(Generate + " --to - >> hard.tsv")]
    [DataRow(Generate + " >> model.zip")]
    [DataRow("generate --format tsv --model model.zip < rows.tsv >> softer.tsv")]
    [DataRow(Generate + " --to out.tsv >> hard.tsv")]
    [DataRow(Train + " --model m.zip >> rows.tsv")]
    [DataRow(Train + " --model m.zip --report other.tsv >> other.tsv")]
    [DataRow(Distill + " --model m.zip >> teacher.txt")]
    [DataRow("sweep sweep.json >> softer.tsv")]
    [DataRow("convert model.zip new.safetensors >> model.zip")]
    [DataRow("inspect prefix.safetensors >> prefix.safetensors")]
    [DataRow("inspect rows.tsv --base base --input Input >> hard.tsv")]
    [DataRow("inspect rows.tsv --base base --input Input >> base/config.json")]
    [DataRow("evaluate teacher.txt teacher.txt >> teacher.txt")]
    [DataRow("evaluate rows.tsv --output Label --label Label >> rows.tsv")]
    [DataRow("evaluate rows.tsv --model model.zip --label Label >> base/config.json")]
    public void Run_OntoTheFileOfAStandardStream_IsRefused(string line)
    {
        Dictionary<string, string> before = Contents();
        (int code, string error) = RunInShell(line);
        Assert.AreEqual(ExitCode.Usage, code, error);
        Assert.Contains("expected another file than", error);
        CollectionAssert.AreEquivalent(before.ToList(), Contents().ToList());
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    [DataRow(Generate + " > redirected.tsv")]
    [DataRow("generate --format tsv --model model.zip --to redirected.tsv < rows.tsv")]
    [DataRow("generate --format tsv --model model.zip < rows.tsv > redirected.tsv")]
    public void Run_OfRedirectedStreams_Works(string line)
    {
        (int code, string error) = RunInShell(line);
        Assert.AreEqual(ExitCode.Done, code, error);
    }

    [TestMethod]
    [DataRow("train - --validation - --base base --input Input --label Label --model m.zip",
        "as the rows and as --validation")]
    [DataRow("evaluate - -", "as the texts and as file 1 of references")]
    [DataRow("evaluate teacher.txt - teacher.txt -", "as file 1 of references and as file 3 of references")]
    public void Run_OfStandardInputTwice_IsRefusedWithBothUses(string line, string uses)
    {
        ToolRun run = ToolFolder.RunWith("Input\tLabel\na\tx\n", [.. Absolute(line)]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains($"'-': expected standard input to be named once, for it is read once, found it {uses}.",
            run.Error);
    }

    [TestMethod]
    [DoNotParallelize]
    [DataRow("convert moved.zip base/model.safetensors")]
    public void Run_OntoABaseThatMoved_IsRefused(string line)
    {
        Environment.SetEnvironmentVariable(BaseLocator.Variable, Folder.Folder);
        try
        {
            AssertRefused(line);
        }
        finally
        {
            Environment.SetEnvironmentVariable(BaseLocator.Variable, null);
        }
    }

    [TestMethod]
    public void Run_OntoOtherNamesOfNothingInUse_Works()
    {
        ToolRun run = ToolFolder.Run([.. Absolute(Generate + " --to out.tsv")]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        ToolRun again = ToolFolder.Run([.. Absolute(Generate + " --to out.tsv")]);
        Assert.AreEqual(ExitCode.Done, again.Code, again.Error);
    }

    [TestMethod]
    public void CheckOpen_OntoAFileOfABaseThatLiesElsewhere_IsRefused()
    {
        CommandFiles files = new CommandFiles().Write("--to", Folder["elsewhere.tsv"]);
        files.CheckOpen();
        using (FilesInUse.Hold("the base model 'elsewhere'", [Folder["elsewhere.tsv"]]))
        {
            Assert.Contains("expected another file than 'elsewhere.tsv' of the base model 'elsewhere'",
                Assert.ThrowsExactly<UsageException>(files.CheckOpen).Message);
        }
        files.CheckOpen();
    }

    // A step that counts the tokens of another base stands in front of the one that writes.
    private static void SaveChain(string name)
    {
        Directory.CreateDirectory(Folder["counted"]);
        foreach (string file in Directory.GetFiles(ToolFolder.Base))
            File.Copy(file, Path.Combine(Folder["counted"], Path.GetFileName(file)));
        var context = new MLContext(seed: 1);
        using var written = (PrefixTuningTransformer)context.Model.Load(Folder["model.zip"], out _);
        IDataView rows = context.Data.LoadFromEnumerable(TinyBase.Rows(2));
        ITransformer counter = context.Transforms.Text.CountTokens("Tokens", "Input",
            BaseModel.FromFolder(Folder["counted"])).Fit(rows);
        context.Model.Save(new TransformerChain<ITransformer>(counter, written), rows.Schema, Folder[name]);
    }

    private static (int Code, string Error) RunInShell(string line)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"{string.Join(' ', ToolFolder.Command())} {line}"])
        {
            WorkingDirectory = Folder.Folder,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    private static void AssertRefused(string line)
    {
        Dictionary<string, string> before = Contents();
        ToolRun run = ToolFolder.Run([.. Absolute(line)]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("expected another file than", run.Error);
        CollectionAssert.AreEquivalent(before.ToList(), Contents().ToList());
    }

    private static IEnumerable<string> Absolute(string line) =>
        line.Split(' ').Select((word, place) => place == 0 || word.StartsWith('-')
        || word is "Input" or "Label" or "Output" or "tsv" or "1/2" || int.TryParse(word, out _) ? word
        : word.StartsWith("file:", StringComparison.Ordinal) ? $"file:{Folder[word[5..]]}" : Folder[word]);

    private static Dictionary<string, string> Contents() => Directory.GetFiles(Folder.Folder)
        .Concat(Directory.GetFiles(Folder["base"])).Concat(Directory.GetFiles(Folder["counted"]))
        .Where(file => new FileInfo(file).LinkTarget is null)
        .ToDictionary(file =>
            file, file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))));
}
