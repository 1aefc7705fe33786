using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>One of llama.cpp's architectures as data: which family it is and how its keys are called there.</summary>
/// <param name="Name">Value of <c>general.architecture</c>, and the prefix of its keys.</param>
/// <param name="Family">The family's <c>model_type</c>.</param>
/// <param name="RotatesInterleaved">Query and key rows lie as interleaved pairs.</param>
/// <param name="Keys">Key of the file without its prefix, key of the family's config.</param>
internal sealed record GgufArchitecture(string Name, string Family, bool RotatesInterleaved,
    IReadOnlyList<(string File, string Config)> Keys)
{
    private static readonly (string, string)[] LlamaKeys =
    [
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("block_count", "num_hidden_layers"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("attention.key_length", "head_dim"),
        ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
        ("rope.freq_base", "rope_theta"),
        ("attention.sliding_window", "sliding_window"),
    ];

    /// <summary>Every architecture that is read. The one list to extend.</summary>
    public static IReadOnlyList<GgufArchitecture> All { get; } =
    [
        new("llama", "llama", true, LlamaKeys),
        new("qwen2", "qwen2", false, LlamaKeys),
        new("qwen3", "qwen3", false, LlamaKeys),
        new("gpt2", "gpt2", false,
        [
            ("context_length", "n_positions"),
            ("embedding_length", "n_embd"),
            ("block_count", "n_layer"),
            ("feed_forward_length", "n_inner"),
            ("attention.head_count", "n_head"),
            ("attention.layer_norm_epsilon", "layer_norm_epsilon"),
        ]),
        new("gptneox", "gpt_neox", false,
        [
            ("context_length", "max_position_embeddings"),
            ("embedding_length", "hidden_size"),
            ("block_count", "num_hidden_layers"),
            ("feed_forward_length", "intermediate_size"),
            ("attention.head_count", "num_attention_heads"),
            ("attention.layer_norm_epsilon", "layer_norm_eps"),
            ("use_parallel_residual", "use_parallel_residual"),
            ("rope.freq_base", "rotary_emb_base"),
        ]),
    ];

    /// <summary>The architecture of a file.</summary>
    /// <exception cref="FormatException">It names none.</exception>
    /// <exception cref="NotSupportedException">It names one that is not read here.</exception>
    public static GgufArchitecture Of(GgufFile file)
    {
        if (Value(file, "general.architecture") is not string name)
            throw new FormatException($"{file.Name}: key 'general.architecture': expected a text, found {Value(file, "general.architecture") ?? "nothing"}.");
        return All.FirstOrDefault(architecture => architecture.Name == name)
            ?? throw new NotSupportedException($"{file.Name}: key 'general.architecture': found '{name}', supported is {string.Join(", ", All.Select(known => known.Name))}.");
    }

    /// <summary>The file's keys as a config of the family; faults name the keys of the file.</summary>
    public ModelConfig Config(GgufFile file)
    {
        var values = new JsonObject { ["model_type"] = Family };
        foreach ((string key, string config) in Keys)
            values[config] = Node(Value(file, $"{Name}.{key}"), file, $"{Name}.{key}");
        foreach (string needed in (string[])["embedding_length", "block_count", "attention.head_count", "feed_forward_length"])
        {
            if (Value(file, $"{Name}.{needed}") is null)
                throw new FormatException($"{file.Name}: key '{Name}.{needed}' is missing.");
        }
        values["vocab_size"] = file.TensorNames.Contains("token_embd.weight") && file.Describe("token_embd.weight").Shape is [var rows, _]
            ? rows : throw new FormatException($"{file.Name}: tensor 'token_embd.weight': expected a matrix, found none.");
        values["tie_word_embeddings"] = !file.TensorNames.Contains("output.weight");
        values["attention_bias"] = file.TensorNames.Contains("blk.0.attn_output.bias");
        values["bos_token_id"] = Node(Value(file, "tokenizer.ggml.bos_token_id"), file, "tokenizer.ggml.bos_token_id");
        values["eos_token_id"] = Node(Value(file, "tokenizer.ggml.eos_token_id"), file, "tokenizer.ggml.eos_token_id");
        values["pad_token_id"] = Node(Value(file, "tokenizer.ggml.padding_token_id"), file, "tokenizer.ggml.padding_token_id");
        AddRotary(values, file);
        return new ModelConfig(values, file.Name);
    }

    /// <summary>Where weights lie in every GGUF file.</summary>
    public static TensorNames Names(TransformerSpec spec, GgufFile file)
    {
        bool fused = file.TensorNames.Contains("blk.0.attn_qkv.weight");
        return new TensorNames
        {
            Embedding = "token_embd.weight",
            Head = "output.weight",
            Buffers = ["rope_freqs.weight"],
            Decoder = new StackNames
            {
                Positions = "position_embd.weight",
                Block = "blk.{layer}.",
                FinalNorm = "output_norm",
                Layer = new BlockNames
                {
                    AttentionNorm = "attn_norm",
                    Attention = new AttentionNames
                    {
                        Query = fused ? null : "attn_q",
                        Key = fused ? null : "attn_k",
                        Value = fused ? null : "attn_v",
                        Fused = fused ? new Fused("attn_qkv", FusedLayout.Stacked) : null,
                        Output = "attn_output",
                        QueryNorm = spec.Decoder.QueryKeyNorm ? "attn_q_norm" : null,
                        KeyNorm = spec.Decoder.QueryKeyNorm ? "attn_k_norm" : null,
                        InputBias = file.TensorNames.Contains(fused ? "blk.0.attn_qkv.bias" : "blk.0.attn_q.bias"),
                        OutputBias = file.TensorNames.Contains("blk.0.attn_output.bias"),
                    },
                    FeedForwardNorm = "ffn_norm",
                    Gate = spec.Decoder.FeedForward.Gated ? "ffn_gate" : null,
                    Up = "ffn_up",
                    Down = "ffn_down",
                    FeedForwardBias = file.TensorNames.Contains("blk.0.ffn_up.bias"),
                },
            },
        };
    }

    private void AddRotary(JsonObject values, GgufFile file)
    {
        if (Value(file, $"{Name}.rope.dimension_count") is { } count && Value(file, $"{Name}.embedding_length") is { } width
            && Value(file, $"{Name}.attention.head_count") is { } heads && Convert.ToInt64(heads) > 0)
        {
            double head = Convert.ToDouble(Value(file, $"{Name}.attention.key_length") ?? Convert.ToInt64(width) / Convert.ToInt64(heads));
            values[Family == "gpt_neox" ? "rotary_pct" : "partial_rotary_factor"] = Convert.ToDouble(count) / head;
        }
        string scaling = $"{Name}.rope.scaling.";
        switch (Value(file, scaling + "type"))
        {
            case null or "none":
                return;
            case "linear":
                values["rope_scaling"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = Node(Value(file, scaling + "factor"), file, scaling + "factor") };
                return;
            case "yarn":
                values["rope_scaling"] = new JsonObject
                {
                    ["rope_type"] = "yarn",
                    ["factor"] = Node(Value(file, scaling + "factor"), file, scaling + "factor"),
                    ["original_max_position_embeddings"] = Node(Value(file, scaling + "original_context_length"), file, scaling + "original_context_length"),
                };
                return;
            case var other:
                throw new NotSupportedException($"{file.Name}: key '{scaling}type': found '{other}', supported is none, linear, yarn.");
        }
    }

    private static object? Value(GgufFile file, string key) => file.Metadata.GetValueOrDefault(key);

    private static JsonNode? Node(object? value, GgufFile file, string key) => value switch
    {
        null => null,
        bool flag => flag,
        string text => text,
        // A float32 is written as what it was rounded from: 1e-05 and not 9.999999747378752e-06.
        float number when float.IsFinite(number) => (JsonNode)double.Parse(number.ToString("R", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture),
        double number when double.IsFinite(number) => number,
        byte or sbyte or short or ushort or int or uint or long => Convert.ToInt64(value),
        ulong number when number <= long.MaxValue => (long)number,
        _ => throw new FormatException($"{file.Name}: key '{key}': expected a number, a text, true or false, found {value}."),
    };
}
