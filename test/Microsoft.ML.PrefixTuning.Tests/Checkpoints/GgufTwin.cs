using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>
/// A checkpoint as a GGUF file, by the rules of llama.cpp's converter (conversion/*.py): names, keys, interleaved
/// rotations, whole norms. Written from the config's keys, not from what this library makes of them.
/// </summary>
internal static class GgufTwin
{
    private static readonly (string From, string To)[] s_names =
    [
        ("self_attn.qkv_proj", "attn_qkv"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"), ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"), ("mlp.gate_up_proj", "ffn_up"), ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"), ("input_layernorm", "attn_norm"),
        ("pre_feedforward_layernorm", "ffn_norm"), ("post_feedforward_layernorm", "post_ffw_norm"),
        ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
        ("model.layers.", "blk."),
    ];

    private static readonly (string Key, string Config)[] s_keys =
    [
        ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"),
        ("block_count", "num_hidden_layers"), ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"),
        ("attention.key_length", "head_dim"), ("attention.value_length", "head_dim"), ("vocab_size", "vocab_size"),
    ];

    /// <summary>Writes the twin.</summary>
    /// <param name="folder">Folder with config.json and model.safetensors.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="change">Changes keys before they are written.</param>
    public static void Write(string folder, string path, Action<GgufBuilder>? change = null)
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        string family = (string)config["model_type"]!;
        var file = new GgufBuilder();
        AddKeys(file, config, family);
        using SafeTensorsFile source = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        foreach (string name in source.TensorNames.Order(StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            Tensor tensor = Converted(source.Read(name, ScalarType.Float32), name, family, config);
            Add(file, Name(name, source.TensorNames), tensor.shape, tensor.contiguous().data<float>().ToArray());
        }
        AddFactors(file, config, family);
        change?.Invoke(file);
        File.WriteAllBytes(path, file.Build().Bytes);
    }

    private static void AddKeys(GgufBuilder file, JsonNode config, string family)
    {
        file.Keys["general.architecture"] = family;
        foreach ((string key, string name) in s_keys)
            file.Keys[$"{family}.{key}"] = (uint)(int)config[name]!;
        file.Keys[$"{family}.attention.layer_norm_rms_epsilon"] = (float)config["rms_norm_eps"]!;
        file.Keys[$"{family}.rope.freq_base"] = (float)config["rope_parameters"]!["rope_theta"]!;
        double share = (double?)config["partial_rotary_factor"] ?? 1;
        file.Keys[$"{family}.rope.dimension_count"] = (uint)(share * (int)config["head_dim"]!);
        foreach ((string key, string name) in ((string, string)[])[("attention.scale", "attention_multiplier"),
            ("embedding_scale", "embedding_multiplier"), ("residual_scale", "residual_multiplier"),
            ("logit_scale", "logits_scaling"), ("attn_logit_softcapping", "attn_logit_softcapping"),
            ("final_logit_softcapping", "final_logit_softcapping")])
        {
            if (config[name] is { } value)
                file.Keys[$"{family}.{key}"] = (float)value;
        }
        if (family is "phi3" or "gemma2")
            file.Keys[$"{family}.attention.sliding_window"] = (uint)((int?)config["sliding_window"] ?? 0);
    }

    private static void AddFactors(GgufBuilder file, JsonNode config, string family)
    {
        if (family != "phi3")
            return;
        double original = (double)config["original_max_position_embeddings"]!;
        file.Keys[$"{family}.rope.scaling.original_context_length"] = (uint)original;
        JsonNode scaling = config["rope_parameters"]!;
        if (scaling["short_factor"] is null)
            return;
        double scale = (double)config["max_position_embeddings"]! / original;
        file.Keys[$"{family}.rope.scaling.attn_factor"] = (float)Math.Sqrt(1 + Math.Log(scale) / Math.Log(original));
        foreach (string kind in (string[])["short", "long"])
        {
            float[] factors = [.. scaling[$"{kind}_factor"]!.AsArray().Select(factor => (float)factor!)];
            Add(file, $"rope_factors_{kind}.weight", [factors.Length], factors);
        }
    }

    private static void Add(GgufBuilder file, string name, long[] shape, float[] values) =>
        (file.Tensors[name], file.Values[name]) = (shape, values);

    private static Tensor Converted(Tensor tensor, string name, string family, JsonNode config)
    {
        if (family == "gemma2" && name.EndsWith("norm.weight", StringComparison.Ordinal))
            return tensor + 1;
        bool query = name.Contains("q_proj", StringComparison.Ordinal);
        if (family is not ("granite" or "smollm3") || !(query || name.Contains("k_proj", StringComparison.Ordinal)))
            return tensor;
        long heads = (long)config[query ? "num_attention_heads" : "num_key_value_heads"]!;
        return tensor.view(heads, 2, tensor.size(0) / heads / 2, tensor.size(1)).transpose(1, 2).reshape(tensor.shape);
    }

    private static string Name(string name, IReadOnlyCollection<string> all)
    {
        // Where a layer has other norms, this one stands behind the attention.
        bool behind = all.Any(other => other.Contains("post_feedforward_layernorm", StringComparison.Ordinal));
        name = name.Replace("post_attention_layernorm", behind ? "post_attention_norm" : "ffn_norm",
            StringComparison.Ordinal);
        return s_names.Aggregate(name, (now, one) => now.Replace(one.From, one.To, StringComparison.Ordinal));
    }
}
