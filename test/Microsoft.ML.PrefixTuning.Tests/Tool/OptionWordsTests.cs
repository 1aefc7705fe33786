using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What the library says of options, in warnings and errors, names them as the command has them.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class OptionWordsTests
{
    private static readonly string[] Verbs = ["train", "distill", "generate", "evaluate"];

    private readonly ToolFolder _folder = new();

    /// <summary>Every option of a verb that takes a value of the library, but for seeds, which may be any.</summary>
    public static IEnumerable<object[]> Flags =>
        from verb in Verbs
        from word in Words(verb).All
        where word.Property is { Name: not "Seed" } member && BadValue(member) is not null
        select new object[] { verb, word.Typed, word.Path };

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow("train",
        "Give a larger ValidationSet or ValidationFraction; with a ValidationFraction of 0 the last is kept.",
        "Give a larger --validation or --validation-fraction; with a --validation-fraction of 0 the last is kept.")]
    [DataRow("train", "A lower TrainingOptions.LearningRate may help.", "A lower --learning-rate may help.")]
    [DataRow("train", "Training.StateFile: TrainingOptions.Seed.", "--state: --seed.")]
    [DataRow("train", "with a TrainingOptions.GradientAccumulation and a BatchSize as much smaller",
        "with a --gradient-accumulation and a --batch-size as much smaller")]
    [DataRow("train", "A start from text (PrefixStart.FromText) usually does not.",
        "A start from text (--prefix-start text) usually does not.")]
    [DataRow("train", "Another text may fit the task better; PrefixMethod.Prefix trains one.",
        "Another text may fit the task better; --method prefix trains one.")]
    [DataRow("train", "Parametrization.Direct and ResidualMlp start from a text.",
        "--parametrization direct and residual-mlp start from a text.")]
    [DataRow("train", "Training stopped after step 3. Column 'FactsText', 'Training.Seed', WhenCancelled, Prefix.Save",
        "Training stopped after step 3. Column 'FactsText', 'Training.Seed', WhenCancelled, Prefix.Save")]
    [DataRow("train", "Column 'the venue's BatchSize' and 'its Topic': BatchSize of the teachers' base, 'Seed'",
        "Column 'the venue's BatchSize' and 'its Topic': --batch-size of the teachers' base, 'Seed'")]
    [DataRow("train", "Lower Generation.BatchSize (now 3) or PrefixTuningOptions.Precision of the base's 'BatchSize'",
        "Lower --generation-batch-size (now 3) or --precision of the base's 'BatchSize'")]
    [DataRow("train", "Generation.MinNewTokens: expected 0 to MaxNewTokens = 3, found 5.",
        "--min-new-tokens: expected 0 to --max-new-tokens = 3, found 5.")]
    [DataRow("train", "Generation.Decoding.width: expected at least SequenceCount = 9, found 4.",
        "--beam-width: expected at least --sequence-count = 9, found 4.")]
    [DataRow("train", "Training.Workers: expected at most 8 (BatchSize x GradientAccumulation), found 9.",
        "--workers: expected at most 8 (--batch-size x --gradient-accumulation), found 9.")]
    [DataRow("train",
        "Prefix.Parametrization.width: expected 1 or more, found 0.\nThreads: expected 1 or more, found 0.",
        "--parametrization, width: expected 1 or more, found 0.\n--threads: expected 1 or more, found 0.")]
    [DataRow("train", "Prefix.Start.count: expected 1 or more, found 0.",
        "--prefix-start, count: expected 1 or more, found 0.")]
    [DataRow("train", "PrefixOptions.Start: expected a text of at least one token, found none.",
        "--prefix-start: expected a text of at least one token, found none.")]
    [DataRow("train", "Prefix.Parametrization: expected Direct for the method TriggerWords, found Mlp.",
        "--parametrization: expected direct for the method trigger-words, found mlp.")]
    [DataRow("train", "Prefix.Sites: expected Decoder alone, since a llama base is decoder-only, found Encoder, Cross.",
        "--prefix-sites: expected decoder alone, since a llama base is decoder-only, found encoder, cross.")]
    [DataRow("train", "UnseenAttribute: expected the default without an attribute column, found UseSharedPart.",
        "--unseen-attribute: expected the default without an attribute column, found use-shared-part.")]
    [DataRow("train", "Training.LearningRate: expected null for the method Text, which trains no number, found 0.1.",
        "--learning-rate: expected none for the method text, which trains no number, found 0.1.")]
    [DataRow("train", "Training.AveragingGrowth: expected 0 where TrainingOptions.Averaging is 0, found 0.5.",
        "--averaging-growth: expected 0 where --averaging is 0, found 0.5.")]
    [DataRow("train", "AttributeColumnName: expected another name, found Text.",
        "--attribute-column: expected another name, found Text.")]
    [DataRow("train", "expected a prompt of at most 3 tokens, found 9 (PromptTruncation.None leaves it whole).",
        "expected a prompt of at most 3 tokens, found 9 (--truncation none leaves it whole).")]
    [DataRow("generate", "found 9 (PromptTruncation.None leaves it whole).",
        "found 9 (--truncation none leaves it whole).")]
    [DataRow("sweep", "Prefix.Parametrization: expected Direct for the method TriggerWords, found Mlp.",
        "parametrization: expected direct for the method trigger-words, found mlp.")]
    [DataRow("distill", "Student.Prefix.Length: expected fewer tokens than the teacher's 4, found 4.",
        "--prefix-length: expected fewer tokens than the teacher's 4, found 4.")]
    [DataRow("distill", "Temperature: expected 0.001 to 1000, found 0.",
        "--distillation-temperature: expected 0.001 to 1000, found 0.")]
    [DataRow("distill", "Continuations.MinNewTokens: expected 0 to MaxNewTokens = 3, found 5.",
        "--continuation-min-new-tokens: expected 0 to --continuation-max-new-tokens = 3, found 5.")]
    [DataRow("generate", "Lower Generation.BatchSize (now 16), Generation.Decoding.width (now 9)",
        "Lower --batch-size (now 16), --beam-width (now 9)")]
    [DataRow("generate", "use LlamaCppOptions.Cache = Float32.", "use --llama-cpp-cache = Float32.")]
    [DataRow("serve", "MaxRows: expected 1 or more, found 0.", "--max-rows: expected 1 or more, found 0.")]
    [DataRow("serve", "Generation.Decoding.topP: expected above 0 and up to 1, found 0.",
        "--top-p: expected above 0 and up to 1, found 0.")]
    [DataRow("sweep", "Candidates[1].Options.Prefix.Length: expected 1 or more, found 0.",
        "prefix-length: expected 1 or more, found 0.")]
    [DataRow("sweep", "Seeds: expected each seed once, found 1, 1.", "seeds: expected each seed once, found 1, 1.")]
    [DataRow("sweep", "TestPartColumnName: expected null without a test set, found Topic.",
        "test-part-column: expected null without a test set, found Topic.")]
    [DataRow("train", "Text: expected UTF-8, found Length.", "Text: expected UTF-8, found Length.")]
    [DataRow("inspect", "Training.Seed, BatchSize", "Training.Seed, BatchSize")]
    public void Of_AMessage_HasTheNamesThatAreTyped(string verb, string message, string expected) =>
        Assert.AreEqual(expected, Words(verb).Of(message));

    [TestMethod]
    public void Of_ABaseThatWasNotFound_AdvisesNothingThatAnApplicationDoes()
    {
        string message = Words("generate").Of(BaseLocator.Remedy);
        Assert.EndsWith($"by the environment variable {BaseLocator.Variable}.", message);
    }

    [TestMethod]
    [DynamicData(nameof(Flags))]
    public void Run_OfAValueOutOfRange_NamesTheFlagAndNotTheProperty(string verb, string flag, string path)
    {
        PropertyInfo member = Words(verb).All.Single(word => word.Path == path).Property!;
        string value = BadValue(member)!;
        // A number below 0 is no option either way, and an empty text a word of its own.
        string[] given = value.Length == 0 ? [flag, value] : [$"{flag}={value}"];
        ToolRun run = ToolFolder.Run([.. Command(verb, member), .. given]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.IsTrue(Regex.IsMatch(run.Error, $@"{flag}(?![\w-])"), run.Error);
        Assert.IsFalse(Regex.IsMatch(run.Error, $@"(^|[\s.]){member.Name}: |\b(Training|Generation|Student)\.[A-Z]"),
            run.Error);
    }

    [TestMethod]
    public void Train_ThatIsWarned_SpeaksOfTheCommandAlone()
    {
        string rows = _folder.WriteRows("rows.tsv");
        ToolRun run = ToolFolder.Run("train", rows, "--validation", rows, "--base", ToolFolder.Base, "--input", "Input",
            "--label", "Label", "--model", _folder["model.zip"], "--prefix-length", "4", "--max-steps", "4",
            "--warmup-steps", "4", "--batch-size", "4", "--seed", "3");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.Contains("12 of 12 rows of --validation have an input that training rows have, too", run.Error);
        Assert.Contains("warning: --warmup-steps is 4 and training has 4 steps", run.Error);
        foreach (string word in (string[])["TrainingOptions", "ValidationSet", "WarmupSteps"])
            Assert.DoesNotContain(word, run.Error);
    }

    private static OptionWords Words(string verb) =>
        OptionWords.Of(ToolCommand.Parse([verb], ToolFolder.Silent));

    /// <summary>A value that can be read and is none that the option may have; null where all that can be read may be.
    /// </summary>
    private static string? BadValue(PropertyInfo member)
    {
        Type type = OptionText.ItemOf(member);
        return type == typeof(int) ? "-2" : type == typeof(double) ? "NaN" : type == typeof(string) ? "" : null;
    }

    private string[] Command(string verb, PropertyInfo member)
    {
        string rows = _folder.WriteRows("rows.tsv"), model = _folder["model.zip"];
        string[] onRows = [verb, rows, "--base", ToolFolder.Base, "--input", "Input"];
        string[] decoding = member.ReflectedType == typeof(BeamDecoding) ? ["--decoding", "beam"]
            : member.ReflectedType == typeof(SamplingDecoding) ? ["--decoding", "sampling"] : [];
        return verb switch
        {
            "train" => [.. onRows, "--label", "Label", "--model", model, .. decoding],
            "distill" when member.ReflectedType == typeof(SelfStudyOptions) =>
                [verb, "--document", Text(), "--base", ToolFolder.Base, "--model", model],
            "distill" => [.. onRows, "--teacher-text", Text(), "--model", model, .. decoding],
            "generate" => [.. onRows, "--to", _folder["to.tsv"], .. decoding],
            _ => [.. onRows, "--label", "Label", .. decoding],
        };

        string Text() => _folder.Write("text.txt", "Say in one short sentence what kind of place it is.");
    }
}
