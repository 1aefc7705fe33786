using System;
using System.CommandLine;
using System.IO;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>How a base model is named on the command line.</summary>
internal static class BaseArgument
{
    /// <summary>Stands for the model that comes with the tool.</summary>
    public const string Packaged = "smollm2";

    /// <summary>Name of the option that says how text is cut.</summary>
    public const string PreTokenizer = "--pre-tokenizer";

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

    /// <summary>The option <c>--pre-tokenizer</c>, which goes with <c>--base</c>.</summary>
    public static Option<string> MakePreTokenizer() => new(PreTokenizer)
    {
        Description = "How the text of a .gguf base is cut, for files that do not say (tokenizer.ggml.pre):"
            + $" {GgufPreTokenizer.Names} (Llama 3: llama-bpe). A saved model keeps it.",
        HelpName = "name",
    };

    /// <summary>Where the base lies that is meant; null for none.</summary>
    /// <param name="name">What stands behind <c>--base</c>.</param>
    public static string? PathOf(string? name) => IsPackaged(name) ? SmolLM2.Instruct135M.Path : name;

    /// <summary>The base that is meant. Nothing is opened.</summary>
    /// <param name="name">What stands behind <c>--base</c>.</param>
    /// <param name="preTokenizer">What stands behind <c>--pre-tokenizer</c>; null where it is not given.</param>
    /// <exception cref="UsageException">
    /// A pre-tokenizer is named to another base than a .gguf file, or is not known.
    /// </exception>
    public static BaseModel Resolve(string name, string? preTokenizer)
    {
        bool isFile = File.Exists(name) && !IsPackaged(name);
        if (preTokenizer is not null && !isFile)
            throw new UsageException(
                $"{PreTokenizer} goes with a .gguf file as the base; other bases say themselves how text is cut.");
        if (IsPackaged(name))
            return SmolLM2.Instruct135M;
        try
        {
            return isFile ? BaseModel.FromGguf(name, preTokenizer) : BaseModel.FromFolder(name);
        }
        catch (ArgumentException fault) when (fault.ParamName == "preTokenizer")
        {
            throw new UsageException($"{PreTokenizer}: {fault.Message}");
        }
    }

    /// <summary>Whether a name stands for the model that comes with the tool.</summary>
    public static bool IsPackaged(string? name) => Packaged.Equals(name, StringComparison.OrdinalIgnoreCase);
}
