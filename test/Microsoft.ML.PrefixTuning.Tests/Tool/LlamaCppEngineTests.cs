using System.IO;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary><c>--engine llama-cpp</c>: the same texts and figures, over the base's own file or another one of it.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaCppEngineTests
{
    private static readonly string Gguf = Path.Combine(TinyBase.Folder("narrow-gguf"), "model.gguf");

    private static readonly string[] Engine =
        ["--engine", "llama-cpp", "--llama-cpp-cache", "float32", "--threads", "1"];

    private static readonly ToolFolder Folder = new();
    private static string s_rows = "", s_model = "";

    [ClassInitialize]
    public static void Train(TestContext _)
    {
        s_rows = Folder.WriteRows("rows.tsv");
        s_model = TrainOn(Gguf, "model.zip");
    }

    [ClassCleanup]
    public static void DeleteFolder() => Folder.Dispose();

    [TestMethod]
    public void Generate_WithASavedModel_WritesItsTexts()
    {
        string[] expected = Done("generate", s_rows, "--model", s_model).Lines;

        ToolRun run = Done(["generate", s_rows, "--model", s_model, .. Engine]);

        CollectionAssert.AreEqual(expected, run.Lines);
        Assert.AreEqual("", run.Error);
        // To a file it is resumed and counted as any other.
        Done(["generate", s_rows, "--model", s_model, "--to", Folder["out.tsv"], .. Engine]);
        CollectionAssert.AreEqual(expected, File.ReadAllLines(Folder["out.tsv"]));
    }

    [TestMethod]
    public void Generate_WithAPrefixOfTheFullBase_TellsWhatDiffers()
    {
        string full = TrainOn(TinyBase.Folder("narrow"), "full.zip");

        ToolRun run = Done(["generate", s_rows, "--model", full, "--base", Gguf, .. Engine]);

        Assert.HasCount(File.ReadAllLines(s_rows).Length, run.Lines);
        Assert.Contains("prefix, beside the base that it was made for: weights: made for ", run.Error);
        // On the model's own base: a folder, which llama.cpp does not read.
        ToolRun refused = ToolFolder.Run(["generate", s_rows, "--model", full, .. Engine]);
        Assert.AreEqual(ExitCode.Failed, refused.Code);
        Assert.Contains("expected a .gguf file", refused.Error);
    }

    [TestMethod]
    public void Evaluate_OverLlamaCpp_GivesTheFiguresOfTheTexts()
    {
        string[] evaluate = ["evaluate", s_rows, "--label", "Label", "--metrics", "bleu,chrf", "--json"];
        string expected = Done([.. evaluate, "--model", s_model]).Out;

        Assert.AreEqual(expected, Done([.. evaluate, "--model", s_model, .. Engine]).Out);
    }

    [TestMethod]
    public void Options_ThatContradictEachOther_AreRefused()
    {
        Refused("--llama-cpp-cache goes with '--engine llama-cpp'", "generate", s_rows, "--model", s_model,
            "--llama-cpp-cache", "float32");
        Refused("expected either --model or --base", "generate", s_rows, "--model", s_model, "--base", Gguf);
        Refused("expected either --model or --base", ["generate", s_rows, .. Engine]);
        ToolRun precise =
            ToolFolder.Run(["generate", s_rows, "--model", s_model, "--precision", "b-float16", .. Engine]);
        Assert.AreNotEqual(ExitCode.Done, precise.Code);
        Assert.Contains("recision", precise.Error);
    }

    private static string TrainOn(string baseModel, string name)
    {
        Done("train", s_rows, "--base", baseModel, "--input", "Input", "--label", "Label", "--model", Folder[name],
            "--prefix-length", "3", "--max-steps", "2", "--batch-size", "4", "--seed", "3", "--max-new-tokens", "10",
            "--truncation", "end");
        return Folder[name];
    }

    private static ToolRun Done(params string[] arguments)
    {
        ToolRun run = ToolFolder.Run(arguments);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        return run;
    }

    private static void Refused(string expected, params string[] arguments)
    {
        ToolRun run = ToolFolder.Run(arguments);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains(expected, run.Error);
    }
}
