using System;
using System.CommandLine;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>How a base model is named on the command line.</summary>
internal static class BaseArgument
{
    /// <summary>Stands for the model that comes with the tool.</summary>
    public const string Packaged = "smollm2";

    /// <summary>What may be named, for descriptions.</summary>
    public const string Forms =
        $"a folder (config.json, safetensors, tokenizer files), a .gguf file, or '{Packaged}' for the model that"
            + " comes with this tool";

    /// <summary>The option <c>--base</c>.</summary>
    public static Option<string> MakeOption(string purpose, bool required = false) => new("--base")
    {
        Description = $"{purpose}: {Forms}.",
        HelpName = "base",
        Required = required,
    };

    /// <summary>The base that is meant. Nothing is opened.</summary>
    public static BaseModel Resolve(string name)
    {
        if (name.Equals(Packaged, StringComparison.OrdinalIgnoreCase))
            return SmolLM2.Instruct135M;
        return File.Exists(name) ? BaseModel.FromGguf(name) : BaseModel.FromFolder(name);
    }
}
