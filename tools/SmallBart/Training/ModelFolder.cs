using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>A model as the files of a checkpoint folder.</summary>
internal static class ModelFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes config.json and generation_config.json.</summary>
    public static void WriteConfigs(BartShape shape, string folder)
    {
        Write(folder, "config.json", shape.Config());
        Write(folder, "generation_config.json", BartShape.GenerationConfig());
    }

    /// <summary>Writes model.safetensors in bfloat16, by Hugging Face's names.</summary>
    public static void WriteWeights(TrainableModel model, string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        SafeTensorsContent[] weights =
            [.. model.Masters.Select(weight => SafeTensorsContent.Of(weight.Key, weight.Value.to(ScalarType.BFloat16))),
            SafeTensorsContent.Of("final_logits_bias",
                zeros([1, model.Model.Spec.VocabularySize], ScalarType.BFloat16))];
        AtomicFile.Write(Path.Combine(folder, CheckpointFolder.SingleFile), stream =>
            SafeTensorsWriter.Write(stream, weights,
            new Dictionary<string, string> { ["format"] = "pt" }));
    }

    private static void Write(string folder, string name, JsonObject content) =>
        AtomicFile.Write(Path.Combine(folder, name), Encoding.UTF8.GetBytes(content.ToJsonString(Indented) + "\n"));
}
