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

    private const string ScoreScale = "attention.scale", Window = "attention.sliding_window";

    /// <summary>Key of the family's config for the rotated share of a head.</summary>
    public string RotatedShare { get; init; } = "partial_rotary_factor";

    /// <summary>
    /// What llama.cpp takes where a file has no key for it, by key of the family's config; nothing where that is what
    /// the family takes too.
    /// </summary>
    public Func<GgufShape, IReadOnlyList<(string Config, double Value)>> Defaults { get; init; } = _ => [];

    /// <summary>Every architecture that is read. The one list to extend.</summary>
    public static IReadOnlyList<GgufArchitecture> All { get; } =
    [
        new("llama", "llama", true, LlamaKeys),
        new("qwen2", "qwen2", false, LlamaKeys),
        new("qwen3", "qwen3", false, LlamaKeys),
        // Files have no layers of their own choice that do not rotate: every fourth, as in the family's default.
        new("smollm3", "smollm3", true, LlamaKeys),
        new("olmo2", "olmo2", false, LlamaKeys),
        new("phi3", "phi3", false, [.. LlamaKeys, (Window, "sliding_window")]),
        new("granite", "granite", true,
        [
            .. LlamaKeys,
            ("embedding_scale", "embedding_multiplier"),
            ("residual_scale", "residual_multiplier"),
            ("logit_scale", "logits_scaling"),
            (ScoreScale, "attention_multiplier"),
        ])
        {
            Defaults = shape => [("attention_multiplier", 1 / Math.Sqrt(shape.HeadSize))],
        },
        new("gemma2", "gemma2", false,
        [
            .. LlamaKeys,
            (Window, "sliding_window"),
            ("attn_logit_softcapping", "attn_logit_softcapping"),
            ("final_logit_softcapping", "final_logit_softcapping"),
        ])
        {
            // The scale of scores stands in no key; of the published models the one of 46 layers has another than the
            // head's.
            Defaults = shape =>
            [
                ("sliding_window", 4096), ("attn_logit_softcapping", 50), ("final_logit_softcapping", 30),
                ("query_pre_attn_scalar", shape.Layers == 46 ? shape.Width / shape.Heads : shape.HeadSize),
            ],
        },
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
        ])
        {
            RotatedShare = "rotary_pct",
        },
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
        bool behind = spec.Decoder.Residual == Residual.NormBehind;
        const string Up = "blk.0.ffn_up.weight";
        bool gateInUp = spec.Decoder.FeedForward.Gated && file.TensorNames.Contains(Up)
            && file.Describe(Up).Shape[0] == 2L * spec.Decoder.FeedForward.Inner;
        return new TensorNames
        {
            Embedding = "token_embd.weight",
            Head = "output.weight",
            Buffers = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"],
            Decoder = new StackNames
            {
                Positions = "position_embd.weight",
                Block = "blk.{layer}.",
                FinalNorm = "output_norm",
                Layer = new BlockNames
                {
                    AttentionNorm = behind ? "post_attention_norm" : "attn_norm",
                    AttentionPostNorm = "post_attention_norm",
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
                    FeedForwardNorm = behind ? "post_ffw_norm" : "ffn_norm",
                    FeedForwardPostNorm = "post_ffw_norm",
                    Gate = spec.Decoder.FeedForward.Gated ? "ffn_gate" : null,
                    Up = "ffn_up",
                    GateInUp = gateInUp,
                    Down = "ffn_down",
                    FeedForwardBias = file.TensorNames.Contains("blk.0.ffn_up.bias"),
                },
            },
        };
    }
}

/// <summary>Sizes that what llama.cpp takes without a key depends on.</summary>
/// <param name="Layers">N.</param>
/// <param name="Width">E.</param>
/// <param name="Heads">H.</param>
/// <param name="HeadSize">D.</param>
internal readonly record struct GgufShape(long Layers, long Width, long Heads, long HeadSize);
