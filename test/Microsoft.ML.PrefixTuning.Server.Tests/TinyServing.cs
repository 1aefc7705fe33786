using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tool;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>The tiny base, and prefixes for it.</summary>
internal static class TinyServing
{
    /// <summary>The base.</summary>
    public static string BasePath { get; } = Path.Combine(AppContext.BaseDirectory, "TinyModels", "llama");

    /// <summary>A row as those that the base was trained on.</summary>
    public const string Row = "name : Venue 1";

    /// <summary>ChatML, as SmolLM2 has it.</summary>
    public const string ChatTemplate =
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
        + "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
        + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    /// <summary>A prefix of random numbers.</summary>
    /// <param name="length">Its length, which is the seed too.</param>
    public static Prefix Random(int length)
    {
        using BaseLease lease =
            FrozenBase.Acquire(BasePath, TorchSharp.torch.float32, TorchSharp.torch.CPU);
        SiteShape shape = SiteShape.Of(lease.Base.Model.Spec, AttentionSite.Decoder, length);
        var random = new Random(length);
        float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(_ => (float)random.NextDouble() - 0.5f)];
        return new Prefix([KeyValuePair.Create(AttentionSite.Decoder, shape.With(values))],
            PrefixConvention.DecoderOnly);
    }

    /// <summary>A copy of the base that has a chat template.</summary>
    public static TemporaryFolder WithChatTemplate()
    {
        TemporaryFolder folder = new TemporaryFolder().CopyFrom(BasePath);
        File.WriteAllText(folder["chat_template.jinja"], ChatTemplate);
        return folder;
    }

    /// <summary>Trains for a moment and saves the model.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="options">Options of the verb train.</param>
    /// <returns>The model's path.</returns>
    public static string Train(TemporaryFolder folder, params string[] options) => TrainOn(BasePath, folder, options);

    /// <summary>The same on a copy of the base.</summary>
    public static string TrainOn(string basePath, TemporaryFolder folder, params string[] options)
    {
        File.WriteAllLines(folder["rows.tsv"], Enumerable.Range(0, 8).Select(i =>
            $"name : Venue {i}\tVenue {i} is a pub .\t{(i % 2 == 0 ? "calm" : "loud")}").Prepend("Input\tLabel\tTone"));
        string model = folder[$"{Guid.NewGuid():N}.zip"];
        (int code, string error) = Run(["train", folder["rows.tsv"], "--base", basePath, "--input", "Input", "--label",
            "Label", "--model", model, "--prefix-length", "3", "--max-steps", "2", "--batch-size", "4", "--seed", "3",
            .. options]);
        return code == ExitCode.Done ? model : throw new InvalidOperationException(error);
    }

    /// <summary>Runs the command in this process.</summary>
    public static (int Code, string Error) Run(params string[] arguments)
    {
        var error = new StringWriter { NewLine = "\n" };
        int code = ToolCommand.Run(arguments, new ToolConsole(TextReader.Null, TextWriter.Null, error));
        return (code, error.ToString());
    }
}
