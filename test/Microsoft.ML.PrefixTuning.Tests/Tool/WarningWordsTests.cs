using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Warnings of the library name options as the command has them.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class WarningWordsTests
{
    [TestMethod]
    [DataRow("Give a larger ValidationSet or ValidationFraction; with a ValidationFraction of 0 the last is kept.",
        "Give a larger --validation or --validation-fraction; with a --validation-fraction of 0 the last is kept.")]
    [DataRow("A lower TrainingOptions.LearningRate may help.", "A lower --learning-rate may help.")]
    [DataRow("Training.StateFile: TrainingOptions.Seed.", "--state: --seed.")]
    [DataRow("with a TrainingOptions.GradientAccumulation and a BatchSize as much smaller",
        "with a --gradient-accumulation and a --batch-size as much smaller")]
    [DataRow("A start from text (PrefixStart.FromText) usually does not.",
        "A start from text (--prefix-start text) usually does not.")]
    [DataRow("Another text may fit the task better; PrefixMethod.Prefix trains one.",
        "Another text may fit the task better; --method prefix trains one.")]
    [DataRow("Parametrization.Direct and ResidualMlp start from a text.",
        "--parametrization direct and residual-mlp start from a text.")]
    [DataRow("Training stopped after step 3. Column 'FactsText', EarlyStopping, WhenCancelled, Generation.BatchSize",
        "Training stopped after step 3. Column 'FactsText', EarlyStopping, WhenCancelled, Generation.BatchSize")]
    public void Of_AWarning_HasTheNamesThatAreTyped(string warning, string expected) =>
        Assert.AreEqual(expected, WarningWords.Of(warning));

    [TestMethod]
    public void Train_ThatIsWarned_SpeaksOfTheCommandAlone()
    {
        using var folder = new ToolFolder();
        string rows = folder.WriteRows("rows.tsv");
        ToolRun run = ToolFolder.Run("train", rows, "--validation", rows, "--base", ToolFolder.Base, "--input", "Input",
            "--label", "Label", "--model", folder["model.zip"], "--prefix-length", "4", "--max-steps", "4",
            "--warmup-steps", "4", "--batch-size", "4", "--seed", "3");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("12 of 12 rows of --validation have an input that training rows have, too", run.Error);
        Assert.Contains("warning: --warmup-steps is 4 and training has 4 steps", run.Error);
        foreach (string word in (string[])["TrainingOptions", "ValidationSet", "WarmupSteps"])
            Assert.DoesNotContain(word, run.Error);
    }
}
