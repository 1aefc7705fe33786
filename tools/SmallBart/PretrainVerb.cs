using System;
using System.CommandLine;
using System.IO;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart;

/// <summary><c>pretrain</c>: makes a BART of text files.</summary>
internal static class PretrainVerb
{
    private static readonly Option<FileInfo[]> Texts =
        new("--text")
        {
            Description = "Text files: a paragraph a line, <|endoftext|> behind each document.",
            Required = true,
            AllowMultipleArgumentsPerToken = true
        };
    private static readonly Option<DirectoryInfo> Folder =
        new("--out") { Description = "Folder of the model; a run that was stopped goes on in it.", Required = true };
    private static readonly Option<int> Steps =
        new("--steps") { Description = "Steps.", DefaultValueFactory = _ => 3000 };
    private static readonly Option<int> Rows =
        new("--rows") { Description = "Passages a step.", DefaultValueFactory = _ => 32 };
    private static readonly Option<double> Rate =
        new("--learning-rate") { Description = "Highest learning rate.", DefaultValueFactory = _ => 1e-3 };
    private static readonly Option<int> Seed =
        new("--seed") { Description = "Seed of weights, order and noise.", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> Wide =
        new("--float32") { Description = "Compute in float32 instead of bfloat16 (float32 weights either way)." };
    private static readonly Option<int> Width =
        new("--width") { Description = "Width of the model.", DefaultValueFactory = _ => 256 };
    private static readonly Option<int> Layers =
        new("--layers") { Description = "Layers of each stack.", DefaultValueFactory = _ => 3 };

    /// <summary>The command.</summary>
    public static System.CommandLine.Command Make()
    {
        var command = new System.CommandLine.Command("pretrain",
            "Trains a vocabulary and a small BART from scratch by denoising text.")
        {
            Texts, Folder, Steps, Rows, Rate, Seed, Wide, Width, Layers,
        };
        command.SetAction(parsed => new Pretraining(Read(parsed), Console.Out).Run());
        return command;
    }

    private static PretrainingRequest Read(ParseResult parsed)
    {
        const int Vocabulary = 8000, HeadSize = 64, Positions = 512;
        int width = parsed.GetValue(Width);
        return new PretrainingRequest
        {
            Texts = Array.ConvertAll(parsed.GetRequiredValue(Texts), file => file.FullName),
            Folder = parsed.GetRequiredValue(Folder).FullName,
            Steps = parsed.GetValue(Steps),
            Rows = parsed.GetValue(Rows),
            LearningRate = parsed.GetValue(Rate),
            Seed = parsed.GetValue(Seed),
            Type = parsed.GetValue(Wide) ? ScalarType.Float32 : ScalarType.BFloat16,
            Shape = new BartShape(Vocabulary, width, parsed.GetValue(Layers), width / HeadSize, 4 * width, Positions),
        };
    }
}
