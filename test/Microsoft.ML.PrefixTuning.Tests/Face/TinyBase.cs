using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Tiny bases that come with the tests, rows for them, and a short training.</summary>
internal static class TinyBase
{
    public static BaseModel Llama { get; } = BaseModel.FromFolder(Folder("llama"));

    public static BaseModel T5 { get; } = BaseModel.FromFolder(Folder("t5"));

    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "TinyModels", name);

    /// <summary>
    /// A copy of the tiny llama whose tokenizer puts a begin token in front of every text; the caller's.
    /// </summary>
    public static TemporaryFolder CopyWithBeginToken()
    {
        TemporaryFolder copy = new TemporaryFolder().CopyFrom(Folder("llama"));
        JsonNode root = JsonNode.Parse(File.ReadAllText(copy["tokenizer.json"]))!;
        JsonNode processor = root["post_processor"]!;
        processor["single"]!.AsArray()
            .Insert(0, JsonNode.Parse("""{ "SpecialToken": { "id": "<|im_start|>", "type_id": 0 } }"""));
        processor["special_tokens"] =
            JsonNode.Parse("""{ "<|im_start|>": { "id": "<|im_start|>", "ids": [0], "tokens": ["<|im_start|>"] } }""");
        File.WriteAllText(copy["tokenizer.json"], root.ToJsonString());
        return copy;
    }

    /// <summary>Options that train for a moment.</summary>
    public static PrefixTuningOptions Quick { get; } = new()
    {
        Prefix = new PrefixOptions { Length = 4 },
        Training = new TrainingOptions { MaxSteps = 6, BatchSize = 4 },
        Generation = new GenerationOptions { MaxNewTokens = 12, LookAhead = 5, BatchSize = 3 },
    };

    public static IEnumerable<FaceRow> Rows(int count) => Enumerable.Range(0, count).Select(i => new FaceRow
    {
        Input = $"name : Venue {i} | Type : {(i % 2 == 0 ? "pub" : "restaurant")} | food :"
            + $" {(i % 3 == 0 ? "French" : "Chinese")}",
        Label = $"Venue {i} is a {(i % 2 == 0 ? "pub" : "restaurant")} .",
        Number = i,
        Numbers = [i, i + 1],
        Words = ["a", $"{i}"],
    });

    public static PrefixTuningEstimator Estimator(MLContext mlContext, PrefixTuningOptions? options = null,
        BaseModel? baseModel = null) =>
        mlContext.Transforms.Text.PrefixTune("Output", "Input", "Label", baseModel ?? Llama, options ?? Quick);

    public static PrefixTuningTransformer Fit(MLContext mlContext, PrefixTuningOptions? options = null, int rows = 12,
        BaseModel? baseModel = null) =>
        Estimator(mlContext, options, baseModel).Fit(mlContext.Data.LoadFromEnumerable(Rows(rows)));

    /// <summary>The texts of some rows.</summary>
    public static string[] Texts(MLContext mlContext, ITransformer model, IEnumerable<FaceRow> rows) => mlContext.Data
        .CreateEnumerable<FaceOutput>(model.Transform(mlContext.Data.LoadFromEnumerable(rows)), reuseRowObject: false)
        .Select(row => row.Output).ToArray();

    /// <summary>A share of the tiny base, so that tests count tensors with it loaded.</summary>
    public static BaseLease Hold(string name = "llama") => FrozenBase.Acquire(Folder(name), torch.float32, torch.CPU);
}

/// <summary>A row with columns of many kinds.</summary>
internal sealed class FaceRow
{
    public string Input { get; set; } = "";

    public string Label { get; set; } = "";

    public float Number { get; set; }

    [Data.VectorType(2)]
    public float[] Numbers { get; set; } = [0, 0];

    [Data.VectorType(2)]
    public string[] Words { get; set; } = ["", ""];
}

/// <summary>What is read back.</summary>
internal sealed class FaceOutput
{
    public string Input { get; set; } = "";

    public string Output { get; set; } = "";

    public float Number { get; set; }
}
