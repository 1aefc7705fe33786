using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart;

/// <summary><c>fill</c>: what a BART makes of noisy texts, the task it was trained for.</summary>
internal static class FillVerb
{
    private const int MostTokens = 128;

    private static readonly Option<DirectoryInfo> Base =
        new("--base") { Description = "Folder of a BART, as pretrain writes it.", Required = true };
    private static readonly Argument<string[]> Texts =
        new("texts")
        {
            Description = "Texts in which <mask> stands for what is missing.",
            Arity = ArgumentArity.OneOrMore
        };

    /// <summary>The command.</summary>
    public static System.CommandLine.Command Make()
    {
        var command = new System.CommandLine.Command("fill",
            "Writes texts anew, with words where <mask> stands.") { Base, Texts };
        command.SetAction(parsed =>
            Run(parsed.GetRequiredValue(Base).FullName, parsed.GetRequiredValue(Texts), Console.Out));
        return command;
    }

    private static void Run(string folder, string[] texts, TextWriter log)
    {
        using BaseLease lease = FrozenBase.Acquire(folder, ScalarType.Float32, CPU);
        FrozenBase frozen = lease.Base;
        GenerationOptions options = new() { MaxNewTokens = MostTokens };
        using var generator = new BatchWriter(frozen.Model,
            GenerationRules.Of(options, frozen.Model.Spec, frozen.Tokenizer, frozen.EndIds));
        GenerationPrompt[] prompts = Array.ConvertAll(texts, text => new GenerationPrompt(
            [.. frozen.Tokenizer.Prologue, .. frozen.Tokenizer.EncodeTemplate(text), .. frozen.Tokenizer.Epilogue],
                Prefix: null));
        foreach ((string text, GeneratedSequence[] written) in texts.Zip(generator.Generate(prompts)))
            log.WriteLine(
                $"noisy    {text}{Environment.NewLine}written "
                    + $" {frozen.Tokenizer.Decode(written[0].Ids)}{Environment.NewLine}");
    }
}
