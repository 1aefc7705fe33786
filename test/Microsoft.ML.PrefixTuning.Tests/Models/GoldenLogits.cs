using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// One golden file: a config, the names and shapes of a checkpoint's tensors, and the logits behind one prompt. The
/// weights are made from the names, so that a shape takes a few kilobytes.
/// </summary>
/// <param name="Name">Name of the shape.</param>
internal sealed record GoldenLogits(string Name)
{
    /// <summary>Tokens of the prompt, and of the source beside an encoder.</summary>
    public const int PromptLength = 40, SourceLength = 12;

    // Of the golden logits; more digits would only say how a machine adds.
    private const int Digits = 5;

    /// <summary>Where the files lie.</summary>
    public static string Folder => Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests", "GoldenLogits");

    /// <summary>Names of all shapes.</summary>
    public static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder, "*.json")
            .Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal);

    private string File => Path.Combine(Folder, $"{Name}.json");

    /// <summary>What the file says.</summary>
    public JsonObject Read() => JsonNode.Parse(System.IO.File.ReadAllText(File))!.AsObject();

    /// <summary>The golden logits.</summary>
    public float[] Expected() => Read()["logits"]!.Deserialize<float[]>()!;

    /// <summary>Writes the file of a checkpoint, with the logits that this graph gives today.</summary>
    /// <param name="config">The checkpoint's config.</param>
    /// <param name="shapes">Shapes of its tensors.</param>
    public void Write(JsonNode config, IReadOnlyDictionary<string, long[]> shapes)
    {
        var file = new JsonObject
        {
            ["config"] = config.DeepClone(),
            ["tensors"] = new JsonObject(shapes.OrderBy(shape => shape.Key, StringComparer.Ordinal)
                .Select(shape => KeyValuePair.Create(shape.Key,
                    (JsonNode?)JsonSerializer.SerializeToNode(shape.Value)))),
        };
        double[] logits = [.. Logits(file).Select(logit => Math.Round(logit, Digits))];
        file["logits"] = JsonSerializer.SerializeToNode(logits);
        System.IO.File.WriteAllText(File, file.ToJsonString() + "\n");
    }

    /// <summary>The logits of the last position of the prompt, [V].</summary>
    /// <param name="file">The file.</param>
    /// <param name="form">How the base is kept; null for float32.</param>
    public static float[] Logits(JsonObject file, BaseForm? form = null) => With(file, LogitsOf, form);

    /// <summary>The same of a base's folder or file.</summary>
    public static float[] Logits(string path) => With(path, LogitsOf);

    /// <summary>The same of a model.</summary>
    public static float[] LogitsOf(LanguageModel model) =>
        LastLogits(model).to(ScalarType.Float32).data<float>().ToArray();

    /// <summary>What is made of the file's model, whose weights come from their names.</summary>
    /// <param name="file">The file.</param>
    /// <param name="make">Makes it.</param>
    /// <param name="form">How the base is kept; null for float32.</param>
    public static T With<T>(JsonObject file, Func<LanguageModel, T> make, BaseForm? form = null)
    {
        using TemporaryFolder folder = WriteCheckpoint(file);
        return With(folder.Path, make, form);
    }

    /// <summary>The checkpoint of a file, in a folder of its own.</summary>
    public static TemporaryFolder WriteCheckpoint(JsonObject file)
    {
        var folder = new TemporaryFolder();
        System.IO.File.WriteAllText(folder["config.json"], file["config"]!.ToJsonString());
        using FileStream stream = System.IO.File.Create(folder["model.safetensors"]);
        SafeTensorsWriter.Write(stream, Weights(file["tensors"]!.AsObject()));
        return folder;
    }

    private static T With<T>(string path, Func<LanguageModel, T> make, BaseForm? form = null)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FrozenBase frozen = FrozenBase.Load(path, form ?? ScalarType.Float32, CPU);
        return make(frozen.Model);
    }

    private static Tensor LastLogits(LanguageModel model)
    {
        SitePrefixes none = SitePrefixes.None;
        long[] prompt = Tokens(PromptLength, model.Spec.VocabularySize);
        CrossInput? cross = null;
        if (model.Spec.IsEncoderDecoder)
        {
            Tensor source = tensor(Tokens(SourceLength, model.Spec.VocabularySize)).unsqueeze(0);
            cross = EncodedSource.Make(model, new TokenRows(source, [SourceLength]), none).Cross(PromptLength);
        }
        AttentionPlaces places = TokenPlaces.Causal([new RowState(0, 0, PromptLength, PromptLength)], PromptLength, 0,
            PromptLength, model.Spec.IsEncoderDecoder ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly);
        Tensor hidden = model.Decode(model.Embed(tensor(prompt).unsqueeze(0)), places, new PrefixMemory(none), cross);
        return model.Logits(hidden)[0][PromptLength - 1];
    }

    /// <summary>The first tokens of the prompt and of the source.</summary>
    public static long[] Tokens(int count, int vocabulary) =>
        [.. Enumerable.Range(0, count).Select(i => (7L + 13 * i + i * i) % vocabulary)];

    private static IEnumerable<SafeTensorsContent> Weights(JsonObject tensors) => tensors.Select(entry =>
    {
        long[] shape = entry.Value!.Deserialize<long[]>()!;
        return SafeTensorsContent.Of(entry.Key, shape, Values(entry.Key, shape));
    });

    // Norm weights around 1, biases off 0, matrices so that they keep the size of what they are applied to.
    private static float[] Values(string name, long[] shape)
    {
        bool isBias = name.EndsWith("bias", StringComparison.Ordinal), isNorm = shape.Length == 1 && !isBias;
        double center = isNorm ? 1 : 0, spread = isNorm ? 0.5 : isBias ? 0.3 : Math.Sqrt(3.0 / shape[^1]);
        ulong state = name.Aggregate(14695981039346656037UL, (hash, letter) => (hash ^ letter) * 1099511628211UL);
        var values = new float[shape.Aggregate(1L, (product, axis) => product * axis)];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(center + spread * (2 * Next(ref state) - 1));
        return values;
    }

    // SplitMix64, from 0 to 1: the same on every machine.
    private static double Next(ref ulong state)
    {
        ulong mixed = state += 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return ((mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
