using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A PEFT adapter in words, as its files say it. Its base need not be there.</summary>
internal static class PeftDescription
{
    private static readonly string[] Counts = ["num_virtual_tokens", "num_layers", "num_attention_heads", "token_dim"];

    /// <summary>Its lines.</summary>
    public static IEnumerable<Described> Of(string folder)
    {
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, PeftConfig.File));
        yield return new("adapter",
            $"PEFT {config.Text("peft_type") ?? throw config.Missing("peft_type")}, "
            + (config.Text("task_type") ?? "no task"));
        yield return new("base", config.Text("base_model_name_or_path") is { } name ? BaseDescription.Quote(name)
            : "not named");
        foreach (string key in Counts.Where(config.Has))
            yield return new($"  {key}", $"{config.Count(key)}");
        string weights = Path.Combine(folder, PeftAdapter.WeightFile);
        if (!File.Exists(weights))
        {
            yield return new("weights", $"no {PeftAdapter.WeightFile}");
            yield break;
        }
        using SafeTensorsFile file = SafeTensorsFile.Open(weights);
        foreach (string tensor in file.TensorNames)
        {
            TensorInfo info = file.Describe(tensor);
            yield return new(BaseDescription.Quote(tensor), $"{info.StoredType} [{string.Join(", ", info.Shape)}]");
        }
    }
}
