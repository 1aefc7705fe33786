using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>The command with a base of 8 or 4 bits: the texts of the saved model, written and measured.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FewBitsTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    [DataRow(ModelPrecision.Int8), DataRow(ModelPrecision.Int4)]
    public void Run_OfAModelOfFewBits_WritesAndMeasuresItsTexts(ModelPrecision precision)
    {
        string word = $"{precision}".ToLowerInvariant(), rows = _folder.WriteRows("test.tsv");
        // Greedily the small base writes the same in any precision.
        string[] drawn = ["--decoding", "sampling", "--temperature", "2"];
        string model = _folder.Train(options: ["--precision", word, .. drawn]), prefix = _folder["prefix.safetensors"];
        Succeed("convert", model, prefix);
        string[] apart = ["--base", ToolFolder.Base, "--prefix", prefix, "--input", "Input", "--max-new-tokens", "10",
            .. drawn];
        string[] expected = Expected(model, precision);

        CollectionAssert.AreEqual(expected, Written("model.tsv", "--model", model));
        CollectionAssert.AreEqual(expected, Written("apart.tsv", [.. apart, "--precision", word]));
        CollectionAssert.AreNotEqual(expected, Written("wide.tsv", [.. apart, "--precision", "float32"]));

        string figures = Figures(_folder["model.tsv"], "--output", "Output");
        Assert.AreNotEqual(figures, Figures(_folder["wide.tsv"], "--output", "Output"));
        Assert.AreEqual(figures, Figures(rows, "--model", model));
        Assert.AreEqual(figures, Figures(rows, [.. apart, "--precision", word]));

        string[] Written(string file, params string[] source)
        {
            Succeed(["generate", rows, "--to", _folder[file], .. source]);
            return [.. File.ReadLines(_folder[file]).Skip(1).Select(line => line.Split('\t')[^1])];
        }
    }

    private static string Figures(string rows, params string[] source) =>
        Succeed(["evaluate", rows, "--label", "Label", "--metrics", "chrf", "--json", .. source]).Out;

    private static ToolRun Succeed(params string[] arguments)
    {
        ToolRun run = ToolFolder.Run(arguments);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        return run;
    }

    /// <summary>What the library writes with the saved model.</summary>
    private static string[] Expected(string path, ModelPrecision precision)
    {
        var mlContext = new MLContext();
        using var model = (PrefixTuningTransformer)mlContext.Model.Load(path, out _);
        Assert.AreEqual(precision, model.Session.Settings.Precision);
        return [.. TinyBase.Texts(mlContext, model, TinyBase.Rows(12))
            .Select(text => text.ReplaceLineEndings(" ").Replace('\t', ' '))];
    }
}
