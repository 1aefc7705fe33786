using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

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
        ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
        ("rope.freq_base", "rope_theta"),
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
        var keys = new GgufKeys(file);
        string name = keys.Text("general.architecture") ?? throw keys.Missing("general.architecture");
        return All.FirstOrDefault(architecture => architecture.Name == name)
            ?? throw keys.Unsupported("general.architecture", string.Join(", ", All.Select(known => known.Name)));
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
                        QueryNorm = "attn_q_norm",
                        KeyNorm = "attn_k_norm",
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
}
