using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Where a frozen base model is read from. Nothing is opened before a model is needed.</summary>
public sealed record BaseModel
{
    internal const string ApplicationFolder = "base-models";

    private BaseModel(string path) => Path = path;

    /// <summary>The full path of the folder or of the <c>.gguf</c> file.</summary>
    public string Path { get; }

    /// <summary>
    /// A model in Hugging Face's layout: <c>config.json</c>, <c>model.safetensors</c> (or its shards and their index)
    /// and the tokenizer's files.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    public static BaseModel FromFolder(string path) => new(Full(path));

    /// <summary>A model in one GGUF file, tokenizer included.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    public static BaseModel FromGguf(string path) => new(Full(path));

    /// <summary>
    /// A GGUF file in <c>base-models/&lt;name&gt;</c> beside the application, where the packages of base models put
    /// theirs.
    /// </summary>
    /// <param name="name">The model's folder.</param>
    /// <param name="file">The file in that folder.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> or <paramref name="file"/> is empty.</exception>
    public static BaseModel FromBesideApplication(string name, string file)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(file);
        return new(System.IO.Path.Combine(AppContext.BaseDirectory, ApplicationFolder, name, file));
    }

    private static string Full(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return System.IO.Path.GetFullPath(path);
    }
}
