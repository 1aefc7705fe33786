using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>The base model that the repository carries.</summary>
internal static class SmolLM2Base
{
    /// <summary>Its GGUF file, in the checkout that these tests were built from.</summary>
    public static string Path { get; } = Find();

    private static string Find()
    {
        const string File = "SmolLM2-135M-Instruct.Q4_1.gguf";
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = System.IO.Path.Combine(folder.FullName, "src", "Microsoft.ML.PrefixTuning.SmolLM2",
                "base-models", "smollm2-135m-instruct", File);
            if (System.IO.File.Exists(path))
                return path;
        }
        throw new FileNotFoundException($"'{File}' is in no folder above '{AppContext.BaseDirectory}'.");
    }
}
