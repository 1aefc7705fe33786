using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>A GGUF file of a tiny model, with prefixes of several lengths for it.</summary>
/// <param name="Path">The file.</param>
internal sealed record LlamaCase(string Path)
{
    public static LlamaCppOptions Exact { get; } = new() { Cache = LlamaCppCache.Float32 };

    // Threads do not pay on models so small.
    public static TextGenerationOptions OneThread { get; } = new() { Threads = 1 };

    /// <summary>The one that comes with the tests: a llama of one layer.</summary>
    public static LlamaCase Narrow { get; } =
        new(System.IO.Path.Combine(AppContext.BaseDirectory, "TinyModels", "narrow-gguf", "model.gguf"));

    public BaseModel Model => BaseModel.FromGguf(Path);

    /// <summary>What the file says.</summary>
    public LlamaBase Read() => LlamaBase.Read(Model);

    /// <summary>The twin of a golden case, or an inconclusive result where it is absent.</summary>
    public static LlamaCase Golden(string family) =>
        new(System.IO.Path.Combine(Fixtures.Family(family), "model.gguf"));

    /// <summary>A generator over llama.cpp that keeps all bits.</summary>
    public TextGenerator Open(IReadOnlyDictionary<string, Prefix>? prefixes, TextGeneratorOptions? options = null) =>
        LlamaCppGenerator.FromGguf(Model, prefixes, OneThread, options, Exact);

    /// <summary>A prefix with values from a seed.</summary>
    /// <param name="length">P; the seed too.</param>
    /// <param name="scale">The largest value.</param>
    public Prefix Random(int length, float scale = 0.5f)
    {
        using GgufModel gguf = GgufModel.Open(Path);
        SiteShape shape = SiteShape.Of(gguf.Spec, AttentionSite.Decoder, length);
        var random = new Random(length);
        float[] values = [.. Enumerable.Range(0, (int)shape.Count)
            .Select(_ => scale * (2 * (float)random.NextDouble() - 1))];
        return new Prefix([KeyValuePair.Create(AttentionSite.Decoder, shape.With(values))],
            PrefixConvention.DecoderOnly);
    }

    /// <summary>Prefixes by name: random ones, and that of the case's adapter where it has one.</summary>
    public Dictionary<string, Prefix> Prefixes()
    {
        var prefixes = new Dictionary<string, Prefix> { ["short"] = Random(2), ["long"] = Random(11) };
        if (Directory.Exists(Beside("adapter")))
            prefixes["trained"] = Prefix.FromPeft(Beside("adapter"), Model);
        return prefixes;
    }

    /// <summary>Texts to continue: those of the case, or made-up ones.</summary>
    public string[] Texts()
    {
        string file = Beside("case.json");
        if (!File.Exists(file))
            return ["name : Venue 1 | food : French", "name : Venue 2", "near : the river | name : a"];
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(file));
        return [.. json.RootElement.GetProperty("generate").GetProperty("texts").EnumerateArray()
            .Select(text => text.GetString()!.TrimEnd('\n'))];
    }

    private string Beside(string name) => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, name);
}
