using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// What a config means where it says little: the defaults of the reference (transformers, models/*/configuration_*.py).
/// A missing key and a null are not always the same there.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FamilyConfigTests
{
    // What a family cannot do without; 64 heads, so that every default number of key/value heads divides them.
    private const string Common =
        """{ "vocab_size": 99, "hidden_size": 8192, "num_hidden_layers": 30, "num_attention_heads": 64, "intermediate_size": 24 }""";

    private const string Both =
        """
        { "vocab_size": 99, "d_model": 64, "encoder_layers": 3, "encoder_attention_heads": 4, "encoder_ffn_dim": 24,
          "decoder_layers": 2, "decoder_attention_heads": 8, "decoder_ffn_dim": 32 }
        """;

    private static readonly Dictionary<string, string> s_least = new()
    {
        ["llama"] = Common,
        ["mistral"] = Common,
        ["qwen2"] = Common,
        ["qwen3"] = Common,
        ["gemma3_text"] = Common,
        ["gemma2"] = Common,
        ["granite"] = Common,
        ["olmo2"] = Common,
        ["phi3"] = Common,
        ["smollm3"] = Common,
        ["gpt_neox"] = Common,
        ["gpt2"] = """{ "vocab_size": 99, "n_embd": 64, "n_layer": 3, "n_head": 4 }""",
        ["opt"] = """{ "vocab_size": 99, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 24 }""",
        ["bart"] = Both,
        ["mbart"] = Both,
        ["pegasus"] = Both,
        ["t5"] = """{ "vocab_size": 99, "d_model": 64, "d_kv": 12, "d_ff": 24, "num_layers": 3, "num_heads": 4 }""",
    };

    private static readonly Dictionary<string, Func<ModelConfig, object?>> s_parts = new()
    {
        ["context"] = config => Spec(config).ContextLength,
        ["embedding scale"] = config => Spec(config).EmbeddingScale,
        ["embedding width"] = config => Spec(config).EmbeddingWidth,
        ["tied"] = config => Spec(config).Head.Tied,
        ["head scale"] = config => Spec(config).Head.Scale,
        ["layers"] = config => Spec(config).Decoder.Layers,
        ["key/value heads"] = config => Spec(config).Decoder.Heads.KeyValueCount,
        ["head size"] = config => Spec(config).Decoder.Heads.Size,
        ["epsilon"] = config => Spec(config).Decoder.Norm.Epsilon,
        ["residual"] = config => Spec(config).Decoder.Residual.ToString(),
        ["final norm"] = config => Spec(config).Decoder.FinalNorm,
        ["head cap"] = config => Spec(config).Head.Cap,
        ["score cap"] = config => Spec(config).Decoder.ScoreCap,
        ["residual scale"] = config => Spec(config).Decoder.ResidualScale,
        ["query/key norm"] = config => Spec(config).Decoder.QueryKeyNorm.ToString(),
        ["norm"] = config => Spec(config).Decoder.Norm.Kind.ToString(),
        ["embedding norm"] = config => Spec(config).Decoder.EmbeddingNorm,
        ["final norm of the encoder"] = config => Spec(config).Encoder!.FinalNorm,
        ["positions"] = config => $"{Spec(config).Decoder.Positions} {Spec(config).Encoder!.Positions}",
        ["unrotated"] = config => string.Join(' ', Rotation(config).Unrotated),
        ["divisor"] = config => Rotation(config).Full.Scaling is DivisorScaling divisor ? divisor.Divisors[^1] : null,
        ["attention factor"] = config =>
            Rotation(config).Full.Scaling is DivisorScaling divisor ? divisor.AttentionFactor : null,
        ["fused"] = config => $"{Names(config).Attention.Fused?.Name} {Names(config).GateInUp}",
        ["score scale"] = config => Spec(config).Decoder.ScoreScale,
        ["activation"] = config => Spec(config).Decoder.FeedForward.Activation.ToString(),
        ["gated"] = config => Spec(config).Decoder.FeedForward.Gated,
        ["inner"] = config => Spec(config).Decoder.FeedForward.Inner,
        ["windows"] = config => Windows(Spec(config).Decoder),
        ["base"] = config => Rotation(config).Full.Theta,
        ["rotated"] = config => Rotation(config).Full.RotatedSize,
        ["scaling"] = config => Rotation(config).Full.Scaling.GetType().Name,
        ["base of windows"] = config => Rotation(config).Windowed!.Theta,
        ["scaling of windows"] = config => Rotation(config).Windowed!.Scaling.GetType().Name,
        ["buckets"] = config => ((RelativePositions)Spec(config).Decoder.Positions).Buckets,
        ["distance"] = config => ((RelativePositions)Spec(config).Decoder.Positions).MaximumDistance,
        ["input bias"] = config => Names(config).Attention.InputBias,
        ["output bias"] = config => Names(config).Attention.OutputBias,
        ["inner bias"] = config => Names(config).FeedForwardBias,
    };

    public static IEnumerable<object[]> Needed =>
        from family in s_least
        from key in JsonNode.Parse(family.Value)!.AsObject()
        select new object[] { family.Key, key.Key };

    [TestMethod]
    [DataRow("llama", "context", 2048)]
    [DataRow("llama", "key/value heads", 64)]
    [DataRow("llama", "head size", 128)]
    [DataRow("llama", "epsilon", 1e-6)]
    [DataRow("llama", "activation", "Silu")]
    [DataRow("llama", "tied", false)]
    [DataRow("llama", "base", 10_000.0)]
    [DataRow("llama", "rotated", 128)]
    [DataRow("llama", "scaling", "NoScaling")]
    [DataRow("llama", "windows", "")]
    [DataRow("llama", "input bias", false)]
    [DataRow("llama", "output bias", false)]
    [DataRow("llama", "inner bias", false)]
    [DataRow("mistral", "context", 131_072)]
    [DataRow("mistral", "key/value heads", 8)]
    [DataRow("mistral", "head size", 128)]
    [DataRow("mistral", "epsilon", 1e-6)]
    [DataRow("mistral", "tied", false)]
    [DataRow("mistral", "base", 10_000.0)]
    [DataRow("mistral", "windows", "4096 in 0-29")]
    [DataRow("mistral", "input bias", false)]
    [DataRow("qwen2", "context", 32_768)]
    [DataRow("qwen2", "key/value heads", 32)]
    [DataRow("qwen2", "head size", 128)]
    [DataRow("qwen2", "epsilon", 1e-6)]
    [DataRow("qwen2", "tied", false)]
    [DataRow("qwen2", "base", 10_000.0)]
    [DataRow("qwen2", "windows", "")]
    [DataRow("qwen2", "input bias", true)]
    [DataRow("qwen2", "output bias", false)]
    [DataRow("qwen3", "context", 32_768)]
    [DataRow("qwen3", "key/value heads", 32)]
    [DataRow("qwen3", "head size", 128)]
    [DataRow("qwen3", "rotated", 128)]
    [DataRow("qwen3", "tied", false)]
    [DataRow("qwen3", "base", 10_000.0)]
    [DataRow("qwen3", "windows", "")]
    [DataRow("qwen3", "input bias", false)]
    [DataRow("gemma3_text", "context", 131_072)]
    [DataRow("gemma3_text", "key/value heads", 4)]
    [DataRow("gemma3_text", "head size", 256)]
    [DataRow("gemma3_text", "score scale", 1 / 16.0)]
    [DataRow("gemma3_text", "epsilon", 1e-6)]
    [DataRow("gemma3_text", "activation", "GeluTanh")]
    [DataRow("gemma3_text", "tied", true)]
    [DataRow("gemma3_text", "base", 1_000_000.0)]
    [DataRow("gemma3_text", "base of windows", 10_000.0)]
    [DataRow("gemma3_text", "windows", "4096 in 0-4,6-10,12-16,18-22,24-28")]
    [DataRow("gemma3_text", "input bias", false)]
    [DataRow("gemma2", "context", 8192)]
    [DataRow("gemma2", "key/value heads", 4)]
    [DataRow("gemma2", "head size", 256)]
    [DataRow("gemma2", "score scale", 1 / 16.0)]
    [DataRow("gemma2", "score cap", 50.0)]
    [DataRow("gemma2", "head cap", 30.0)]
    [DataRow("gemma2", "epsilon", 1e-6)]
    [DataRow("gemma2", "norm", "RootMeanSquareOfOnePlus")]
    [DataRow("gemma2", "residual", "NormBothSides")]
    [DataRow("gemma2", "query/key norm", "None")]
    [DataRow("gemma2", "activation", "GeluTanh")]
    [DataRow("gemma2", "tied", true)]
    [DataRow("gemma2", "base", 10_000.0)]
    [DataRow("gemma2", "windows",
        "4096 in 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28")]
    [DataRow("gemma2", "input bias", false)]
    [DataRow("granite", "context", 2048)]
    [DataRow("granite", "key/value heads", 64)]
    [DataRow("granite", "epsilon", 1e-6)]
    [DataRow("granite", "embedding scale", 1.0)]
    [DataRow("granite", "score scale", 1.0)]
    [DataRow("granite", "residual scale", 1.0)]
    [DataRow("granite", "head scale", 1.0)]
    [DataRow("granite", "tied", false)]
    [DataRow("granite", "base", 10_000.0)]
    [DataRow("granite", "inner bias", false)]
    [DataRow("olmo2", "context", 2048)]
    [DataRow("olmo2", "key/value heads", 64)]
    [DataRow("olmo2", "epsilon", 1e-5)]
    [DataRow("olmo2", "residual", "NormBehind")]
    [DataRow("olmo2", "query/key norm", "AllHeads")]
    [DataRow("olmo2", "tied", false)]
    [DataRow("olmo2", "base", 10_000.0)]
    [DataRow("olmo2", "input bias", false)]
    [DataRow("phi3", "context", 4096)]
    [DataRow("phi3", "key/value heads", 64)]
    [DataRow("phi3", "epsilon", 1e-5)]
    [DataRow("phi3", "activation", "Silu")]
    [DataRow("phi3", "tied", false)]
    [DataRow("phi3", "base", 10_000.0)]
    [DataRow("phi3", "rotated", 128)]
    [DataRow("phi3", "scaling", "NoScaling")]
    [DataRow("phi3", "windows", "")]
    [DataRow("phi3", "input bias", false)]
    [DataRow("phi3", "fused", "self_attn.qkv_proj True")]
    [DataRow("smollm3", "context", 32_768)]
    [DataRow("smollm3", "key/value heads", 4)]
    [DataRow("smollm3", "epsilon", 1e-6)]
    [DataRow("smollm3", "tied", true)]
    [DataRow("smollm3", "base", 2_000_000.0)]
    [DataRow("smollm3", "unrotated", "3 7 11 15 19 23 27")]
    [DataRow("smollm3", "windows", "")]
    [DataRow("smollm3", "input bias", false)]
    [DataRow("gpt_neox", "context", 2048)]
    [DataRow("gpt_neox", "epsilon", 1e-5)]
    [DataRow("gpt_neox", "activation", "Gelu")]
    [DataRow("gpt_neox", "residual", "Parallel")]
    [DataRow("gpt_neox", "tied", false)]
    [DataRow("gpt_neox", "base", 10_000.0)]
    [DataRow("gpt_neox", "rotated", 32)]
    [DataRow("gpt_neox", "input bias", true)]
    [DataRow("gpt2", "context", 1024)]
    [DataRow("gpt2", "inner", 256)]
    [DataRow("gpt2", "epsilon", 1e-5)]
    [DataRow("gpt2", "activation", "GeluTanh")]
    [DataRow("gpt2", "tied", true)]
    [DataRow("opt", "context", 2048)]
    [DataRow("opt", "embedding width", 64)]
    [DataRow("opt", "epsilon", 1e-5)]
    [DataRow("opt", "activation", "Relu")]
    [DataRow("opt", "residual", "NormFirst")]
    [DataRow("opt", "final norm", true)]
    [DataRow("opt", "tied", true)]
    [DataRow("opt", "input bias", true)]
    [DataRow("opt", "inner bias", true)]
    [DataRow("bart", "context", 1024)]
    [DataRow("bart", "embedding scale", 1.0)]
    [DataRow("bart", "activation", "Gelu")]
    [DataRow("bart", "epsilon", 1e-5)]
    [DataRow("bart", "tied", true)]
    [DataRow("mbart", "context", 1024)]
    [DataRow("mbart", "embedding scale", 1.0)]
    [DataRow("mbart", "activation", "Gelu")]
    [DataRow("mbart", "residual", "NormFirst")]
    [DataRow("mbart", "final norm", true)]
    [DataRow("mbart", "final norm of the encoder", true)]
    [DataRow("mbart", "embedding norm", true)]
    [DataRow("mbart", "tied", true)]
    [DataRow("mbart", "positions", "LearnedPositions { Capacity = 1024, Offset = 2, IsSinusoid = False } "
        + "LearnedPositions { Capacity = 1024, Offset = 2, IsSinusoid = False }")]
    [DataRow("pegasus", "context", 1024)]
    [DataRow("pegasus", "embedding scale", 1.0)]
    [DataRow("pegasus", "activation", "Gelu")]
    [DataRow("pegasus", "residual", "NormFirst")]
    [DataRow("pegasus", "final norm", true)]
    [DataRow("pegasus", "embedding norm", false)]
    [DataRow("pegasus", "positions", "LearnedPositions { Capacity = 1024, Offset = 0, IsSinusoid = True } "
        + "LearnedPositions { Capacity = 1024, Offset = 0, IsSinusoid = True }")]
    [DataRow("t5", "layers", 3)]
    [DataRow("t5", "epsilon", 1e-6)]
    [DataRow("t5", "activation", "Relu")]
    [DataRow("t5", "gated", false)]
    [DataRow("t5", "buckets", 32)]
    [DataRow("t5", "distance", 128)]
    [DataRow("t5", "tied", true)]
    [DataRow("t5", "head scale", 1 / 8.0)]
    public void Describe_OfTheLeastConfig_IsTheReferencesDefault(string family, string part, object expected) =>
        Assert.AreEqual(expected, s_parts[part](Config(family, "{}")));

    [TestMethod]
    [DataRow("mistral", """{ "num_key_value_heads": null }""", "key/value heads", 64)]
    [DataRow("mistral", """{ "sliding_window": null }""", "windows", "")]
    [DataRow("mistral", """{ "head_dim": 32 }""", "head size", 32)]
    [DataRow("qwen2", """{ "num_key_value_heads": null }""", "key/value heads", 64)]
    [DataRow("qwen2", """{ "use_sliding_window": true }""", "windows", "4096 in 28-29")]
    [DataRow("qwen2", """{ "use_sliding_window": true, "sliding_window": null }""", "windows", "")]
    [DataRow("qwen2", """{ "use_sliding_window": false, "sliding_window": 24, "max_window_layers": 0 }""", "windows",
        "")]
    [DataRow("qwen2", """{ "use_sliding_window": true, "sliding_window": 24, "max_window_layers": 7 }""", "windows",
        "24 in 7-29")]
    [DataRow("qwen3", """{ "hidden_size": 100 }""", "head size", 128)]
    [DataRow("qwen3", """{ "head_dim": 16 }""", "rotated", 16)]
    [DataRow("qwen3", """{ "attention_bias": true }""", "output bias", true)]
    [DataRow("gemma3_text", """{ "sliding_window_pattern": 2, "num_hidden_layers": 4 }""", "windows", "4096 in 0,2")]
    [DataRow("gemma3_text", """{ "query_pre_attn_scalar": 64 }""", "score scale", 0.125)]
    [DataRow("gemma3_text", """{ "rope_theta": 500, "rope_local_base_freq": 50 }""", "base", 500.0)]
    [DataRow("gemma3_text", """{ "rope_theta": 500, "rope_local_base_freq": 50 }""", "base of windows", 50.0)]
    [DataRow("gemma3_text", """{ "rope_scaling": { "rope_type": "linear", "factor": 8 } }""", "scaling",
        "LinearScaling")]
    [DataRow("gemma3_text", """{ "rope_scaling": { "rope_type": "linear", "factor": 8 } }""", "scaling of windows",
        "NoScaling")]
    [DataRow("gemma3_text", """{ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8 } } }""",
        "base", 1_000_000.0)]
    [DataRow("gemma3_text", """{ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8 } } }""",
        "scaling", "LinearScaling")]
    [DataRow("gemma3_text", """{ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8 } } }""",
        "base of windows", 10_000.0)]
    [DataRow("gemma3_text", """{ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8 } } }""",
        "scaling of windows", "NoScaling")]
    [DataRow("gemma3_text", """{ "rope_parameters": { "sliding_attention": { "rope_theta": 30 } } }""",
        "base of windows", 30.0)]
    [DataRow("gemma2", """{ "attn_logit_softcapping": null }""", "score cap", null)]
    [DataRow("gemma2", """{ "final_logit_softcapping": null }""", "head cap", null)]
    [DataRow("gemma2", """{ "attn_logit_softcapping": 7, "final_logit_softcapping": 8 }""", "score cap", 7.0)]
    [DataRow("gemma2", """{ "attn_logit_softcapping": 7, "final_logit_softcapping": 8 }""", "head cap", 8.0)]
    [DataRow("gemma2", """{ "num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"] }""",
        "windows", "4096 in 1")]
    [DataRow("gemma2", """{ "sliding_window": null }""", "windows", "")]
    [DataRow("gemma2", """{ "attention_bias": true }""", "output bias", true)]
    [DataRow("granite", """{ "embedding_multiplier": 12 }""", "embedding scale", 12.0)]
    [DataRow("granite", """{ "attention_multiplier": 0.0078125 }""", "score scale", 0.0078125)]
    [DataRow("granite", """{ "residual_multiplier": 0.22 }""", "residual scale", 0.22)]
    [DataRow("granite", """{ "logits_scaling": 8 }""", "head scale", 0.125)]
    [DataRow("granite", """{ "mlp_bias": true }""", "inner bias", true)]
    [DataRow("olmo2", """{ "attention_bias": true }""", "output bias", true)]
    [DataRow("phi3", """{ "sliding_window": 2047 }""", "windows", "2047 in 0-29")]
    [DataRow("phi3", """{ "partial_rotary_factor": 0.75 }""", "rotated", 96)]
    [DataRow("phi3", """{ "rope_parameters": { "partial_rotary_factor": 0.75 } }""", "rotated", 96)]
    [DataRow("smollm3", """{ "no_rope_layer_interval": 10 }""", "unrotated", "9 19 29")]
    [DataRow("smollm3", """{ "num_hidden_layers": 3, "no_rope_layers": [1, 0, 1, 0] }""", "unrotated", "1")]
    [DataRow("smollm3", """{ "sliding_window": 24 }""", "windows", "")]
    [DataRow("smollm3", """{ "sliding_window": 24, "use_sliding_window": true, "no_rope_layer_interval": 15 }""",
        "windows", "24 in 14,29")]
    [DataRow("smollm3", """{ "use_sliding_window": true }""", "windows", "")]
    [DataRow("mbart", """{ "scale_embedding": true }""", "embedding scale", 8.0)]
    [DataRow("pegasus", """{ "activation_function": "relu" }""", "activation", "Relu")]
    [DataRow("gpt_neox", """{ "rotary_pct": 1, "rotary_emb_base": 30 }""", "rotated", 128)]
    [DataRow("gpt_neox", """{ "rope_parameters": { "rope_theta": 30 } }""", "rotated", 32)]
    [DataRow("gpt_neox", """{ "rope_parameters": { "partial_rotary_factor": 0.5 }, "rotary_emb_base": 30 }""", "base",
        30.0)]
    [DataRow("gpt_neox", """{ "use_parallel_residual": false }""", "residual", "NormFirst")]
    [DataRow("gpt2", """{ "n_inner": null }""", "inner", 256)]
    [DataRow("opt", """{ "do_layer_norm_before": false }""", "residual", "NormLast")]
    [DataRow("opt", """{ "do_layer_norm_before": false }""", "final norm", false)]
    [DataRow("opt", """{ "word_embed_proj_dim": 32 }""", "embedding width", 32)]
    [DataRow("bart", """{ "scale_embedding": true }""", "embedding scale", 8.0)]
    [DataRow("t5", """{ "num_decoder_layers": 5 }""", "layers", 5)]
    [DataRow("t5", """{ "feed_forward_proj": "gated-gelu" }""", "activation", "GeluTanh")]
    [DataRow("t5", """{ "tie_word_embeddings": false }""", "head scale", 1.0)]
    [DataRow("t5", """{ "tie_word_embeddings": false, "scale_decoder_outputs": true }""", "head scale", 0.125)]
    public void Describe_OfAConfigThatSaysMore_ObeysIt(string family, string changes, string part, object? expected) =>
        Assert.AreEqual(expected, s_parts[part](Config(family, changes)));

    [TestMethod]
    [DynamicData(nameof(Needed))]
    public void Describe_WithoutANeededKey_NamesIt(string family, string key)
    {
        FormatException fault =
            Assert.ThrowsExactly<FormatException>(() => Spec(Config(family, $$"""{ "{{key}}": null }""")));
        Assert.AreEqual($"config.json: '{key}' is missing.", fault.Message);
    }

    [TestMethod]
    public void Describe_OfOneRotationForLayersOfSeveralKinds_IsRefused()
    {
        ModelConfig config =
            Config("gemma3_text", """{ "rope_parameters": { "rope_theta": 30, "rope_type": "default" } }""");
        NotSupportedException fault = Assert.ThrowsExactly<NotSupportedException>(() => Spec(config));
        Assert.AreEqual("config.json: 'rope_parameters.rope_theta': found 30, supported is nothing.", fault.Message);
    }

    [TestMethod]
    [DataRow("null", true)]
    [DataRow("""{ "type": "linear", "factor": 8.0 }""", true)]
    [DataRow("""{ "rope_type": "linear", "factor": 8, "rope_theta": null }""", true)]
    [DataRow("""{ "rope_type": "linear", "factor": 4 }""", false)]
    [DataRow("""{ "rope_type": "dynamic", "factor": 8 }""", false)]
    [DataRow("""{ "rope_type": "linear", "factor": 8, "low_freq_factor": 1 }""", false)]
    [DataRow("{}", true)]
    public void Describe_OfTwoScalings_TakesThemWhereTheyAreAlike(string older, bool isTaken)
    {
        const string Newer = """{ "rope_theta": 30, "rope_type": "linear", "factor": 8 }""";
        ModelConfig config = Config("llama", $$"""{ "rope_parameters": {{Newer}}, "rope_scaling": {{older}} }""");
        if (isTaken)
        {
            Assert.IsInstanceOfType<LinearScaling>(((RotaryPositions)Spec(config).Decoder.Positions).Full.Scaling);
            return;
        }
        NotSupportedException fault = Assert.ThrowsExactly<NotSupportedException>(() => Spec(config));
        Assert.EndsWith("supported is what 'rope_parameters' says too, or nothing.", fault.Message);
    }

    internal static ModelConfig Config(string family, string changes)
    {
        JsonObject values = JsonNode.Parse(s_least[family])!.AsObject();
        values["model_type"] = family;
        foreach ((string key, JsonNode? value) in JsonNode.Parse(changes)!.AsObject())
            values[key] = value?.DeepClone();
        return ModelConfig.Parse(Encoding.UTF8.GetBytes(values.ToJsonString()), "config.json");
    }

    internal static TransformerSpec Spec(ModelConfig config) => Family.Of(config).Describe(config);

    internal static object? Part(string part, ModelConfig config) => s_parts[part](config);

    private static BlockNames Names(ModelConfig config) => Family.Of(config).Names(Spec(config), config).Decoder.Layer;

    private static RotaryPositions Rotation(ModelConfig config) => (RotaryPositions)Spec(config).Decoder.Positions;

    /// <summary>The window and the runs of layers that have it, such as "24 in 0-4,6".</summary>
    private static string Windows(StackSpec stack)
    {
        int[] layers = [.. Enumerable.Range(0, stack.Layers).Where(layer => stack.Window(layer) is not null)];
        if (layers.Length == 0)
            return "";
        IEnumerable<string> runs = layers.Index().GroupBy(one => one.Item - one.Index, one => one.Item)
            .Select(run => run.First() == run.Last() ? $"{run.First()}" : $"{run.First()}-{run.Last()}");
        return $"{stack.Window(layers[0])} in {string.Join(',', runs)}";
    }
}
