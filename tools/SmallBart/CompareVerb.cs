using System;
using System.CommandLine;
using System.IO;
using Microsoft.ML.PrefixTuning.SmallBart.Comparing;

namespace Microsoft.ML.PrefixTuning.SmallBart;

/// <summary>
/// <c>compare</c>: a base untuned, with a prefix at three sites or one, and with all its weights tuned.
/// </summary>
internal static class CompareVerb
{
    private static readonly Option<DirectoryInfo> Base =
        new("--base") { Description = "Folder of a BART, as pretrain writes it.", Required = true };
    private static readonly Option<DirectoryInfo> Data =
        new("--data")
        {
            Description = "Folder with train.tsv and test.tsv: text and summary, a header line.",
            Required = true
        };
    private static readonly Option<int[]> Seeds = new("--seeds")
    {
        Description = "Seeds.",
        DefaultValueFactory = _ =>
        [1, 2, 3],
        AllowMultipleArgumentsPerToken = true
    };
    private static readonly Option<int> Rows =
        new("--rows") { Description = "Training rows, at most.", DefaultValueFactory = _ => int.MaxValue };
    private static readonly Option<double> Rate =
        new("--full-learning-rate")
        {
            Description = "Highest learning rate of full fine-tuning.",
            DefaultValueFactory = _ => 3e-4
        };

    /// <summary>The command.</summary>
    public static System.CommandLine.Command Make()
    {
        var command = new System.CommandLine.Command("compare",
            "Compares prefixes and full fine-tuning on one task.") { Base, Data, Seeds, Rows, Rate };
        command.SetAction(parsed => new Comparison(new ComparisonRequest
        {
            Base = parsed.GetRequiredValue(Base).FullName,
            Data = parsed.GetRequiredValue(Data).FullName,
            Seeds = parsed.GetRequiredValue(Seeds),
            Rows = parsed.GetValue(Rows),
            FullLearningRate = parsed.GetValue(Rate),
        }, Console.Out).Run());
        return command;
    }
}
