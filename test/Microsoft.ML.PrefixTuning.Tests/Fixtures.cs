using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>
/// Where the golden values lie: the folder a variable names, else the shared one beside the checkout.
/// </summary>
internal static class Fixtures
{
    private const string RealTokenizersVariable = "PREFIX_TUNING_REAL_TOKENIZERS";

    /// <summary>
    /// Golden cases of model families, a folder a shape; in folders that the variable names, separated as in PATH.
    /// Empty where they are not on this machine.
    /// </summary>
    public static IReadOnlyList<string> Families { get; } = FindAll("PREFIX_TUNING_FIXTURES", "families",
        "families-next");

    /// <summary>Golden values of SmolLM2-135M-Instruct.</summary>
    public static string? SmolLM2 => Find("PREFIX_TUNING_SMOLLM2", "smollm2");

    /// <summary>Tokenizer files with golden encodings.</summary>
    public static string? Tokenizers => Find("PREFIX_TUNING_TOKENIZERS", "tokenizers");

    /// <summary>Golden encodings of real models' tokenizers.</summary>
    public static string? RealTokenizerIds => Find("PREFIX_TUNING_REAL_TOKENIZER_IDS", "tokenizers-next");

    /// <summary>Real models' tokenizers: large files, so only where the variable names their folder.</summary>
    public static string? RealTokenizers =>
        Environment.GetEnvironmentVariable(RealTokenizersVariable) is { Length: > 0 } folder
            ? Existing(RealTokenizersVariable, folder) : null;

    /// <summary>Golden figures of text metrics.</summary>
    public static string? Metrics => Find("PREFIX_TUNING_METRICS", "metrics");

    /// <summary>Hostile and odd input files.</summary>
    public static string? Hostile => Find("PREFIX_TUNING_HOSTILE", "hostile");

    /// <summary>Golden GGUF tensors.</summary>
    public static string? Gguf => Find("PREFIX_TUNING_GGUF", "gguf");

    /// <summary>The folder of a family's golden case, or an inconclusive result where it is absent.</summary>
    public static string Family(string name) =>
        Require(Families.Select(folder => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists));

    /// <summary>The folder, or an inconclusive result where it is absent: never silently green.</summary>
    public static string Require(string? folder)
    {
        if (folder is null)
            Assert.Inconclusive("The golden values are not on this machine (see docs/testing.md).");
        return folder;
    }

    private static string[] FindAll(string variable, params string[] names)
    {
        string? named = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(named))
            return [.. names.Select(name => Find(variable, name)).OfType<string>()];
        return [.. named.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Existing(variable, folder))];
    }

    private static string Existing(string variable, string folder) =>
        Directory.Exists(folder) ? Path.GetFullPath(folder)
            : throw new DirectoryNotFoundException($"{variable} names '{folder}', which is not there.");

    private static string? Find(string variable, string name)
    {
        string? named = Environment.GetEnvironmentVariable(variable);
        if (!string.IsNullOrEmpty(named))
            return Existing(variable, named);
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "Microsoft.ML.PrefixTuning.sln")))
                continue;
            string shared = Path.GetFullPath(Path.Combine(folder.FullName, "..", "shared", "fixtures", name));
            return Directory.Exists(shared) ? shared : null;
        }
        return null;
    }
}
