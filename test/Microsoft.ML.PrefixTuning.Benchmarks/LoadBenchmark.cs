using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// How long a base takes from safetensors in bfloat16, beside its floor in the same process: reading the file and
/// writing as many floats into fresh memory.
/// </summary>
internal static class SafeTensorsLoadBenchmark
{
    private const int Rounds = 3;

    private static readonly Dictionary<string, string> s_names = new()
    {
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    /// <summary>Writes a model's file, loads it, prints JSON lines and a table; the least of several rounds.</summary>
    /// <param name="model">Its shape.</param>
    public static void Run(ScaleModel model)
    {
        string folder = Directory.CreateTempSubdirectory("load-benchmark-").FullName;
        try
        {
            string file = Path.Combine(folder, CheckpointFolder.SingleFile);
            File.WriteAllText(Path.Combine(folder, "config.json"), Config(model));
            long elements = Write(file, model);
            (string What, Action Load)[] cases =
            [
                ("floor: read file, write floats", () => LoadCost.Floor(file, elements)),
                ("as float32", () => Load(folder, ScalarType.Float32)),
                ("as bfloat16: mapped, with the check for finite values", () => Load(folder, ScalarType.BFloat16)),
                ("as stored, products in float32",
                    () => Load(folder, new BaseForm(ScalarType.Float32, MatrixForm.AsStored))),
            ];
            var costs = new LoadCost[cases.Length];
            Array.Fill(costs, LoadCost.Worst);
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < cases.Length; i++)
                    costs[i] = costs[i].Least(LoadCost.Of(cases[i].Load));
            }
            LoadCost.Print($"safetensors, {model.Name} billion numbers",
                [.. cases.Zip(costs, (one, cost) => (one.What, cost))]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Load(string folder, BaseForm form) => FrozenBase.Load(folder, form, CPU).Dispose();

    private static string Config(ScaleModel model) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["model_type"] = "llama",
        ["vocab_size"] = model.Vocabulary,
        ["hidden_size"] = model.Width,
        ["intermediate_size"] = model.Inner,
        ["num_hidden_layers"] = model.Layers,
        ["num_attention_heads"] = model.Heads,
        ["num_key_value_heads"] = model.SharedHeads,
        ["head_dim"] = model.HeadSize,
        ["max_position_embeddings"] = 8192,
        ["rms_norm_eps"] = 1e-5,
        ["rope_theta"] = 100_000,
        ["tie_word_embeddings"] = model.IsTied,
        ["hidden_act"] = "silu",
        ["torch_dtype"] = "bfloat16",
    });

    private static long Write(string path, ScaleModel model)
    {
        using var scope = NewDisposeScope();
        using var stream = new FileStream(path, FileMode.Create);
        (string Name, long[] Shape)[] all =
        [
            .. Enumerable.Range(0, model.Layers).SelectMany(layer => Layer(model, $"model.layers.{layer}.")),
            ("model.norm.weight", [model.Width]),
            .. (model.IsTied ? (string[])["model.embed_tokens"] : ["model.embed_tokens", "lm_head"])
                .Select(name => ($"{name}.weight", (long[])[model.Vocabulary, model.Width])),
        ];
        // One piece of memory for all of them: only the file is large.
        Tensor numbers = ones([all.Max(one => Elements(one.Shape))], ScalarType.BFloat16);
        SafeTensorsWriter.Write(stream, all.Select(one => SafeTensorsContent.Of(one.Name,
            numbers.narrow(0, 0, Elements(one.Shape)).view(one.Shape))));
        return all.Sum(one => Elements(one.Shape));
    }

    private static IEnumerable<(string, long[])> Layer(ScaleModel model, string place) =>
    [
        .. ((string[])["input_layernorm", "post_attention_layernorm"])
            .Select(norm => ($"{place}{norm}.weight", (long[])[model.Width])),
        .. model.LayerMatrices.Select(one => ($"{place}{s_names[one.Name]}.weight", (long[])[one.Out, one.In])),
    ];

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, axis) => product * axis);
}
