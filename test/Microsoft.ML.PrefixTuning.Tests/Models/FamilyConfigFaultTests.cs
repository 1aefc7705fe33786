using System;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.FamilyConfigTests;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// Configs whose values contradict one another, are no good or not supported; and longrope's many keys.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FamilyConfigFaultTests
{
    // Longrope of 64 pairs in which the short factors are 2 and the window four times the original.
    private static readonly string s_long = $$"""
        { "max_position_embeddings": 4096, "original_max_position_embeddings": 1024,
          "rope_scaling": { "type": "longrope", "short_factor": [{{Times64(2)}}], "long_factor": [{{Times64(3)}}] } }
        """;

    [TestMethod]
    [DataRow("{}", "context", 1024)]
    [DataRow("{}", "divisor", 2f)]
    // The square root of 1 + log 4 / log 1024.
    [DataRow("{}", "attention factor", 1.0954451150103321)]
    [DataRow("""{ "rope_scaling.attention_factor": 1.5 }""", "attention factor", 1.5)]
    [DataRow("""{ "rope_scaling.factor": 4 }""", "attention factor", 1.0954451150103321)]
    [DataRow("""{ "rope_scaling.type": "su" }""", "divisor", 2f)]
    [DataRow("""{ "rope_scaling.type": "yarn" }""", "divisor", 2f)]
    [DataRow("""{ "original_max_position_embeddings": null, "rope_scaling.original_max_position_embeddings": 512 }""",
        "context", 512)]
    [DataRow("""{ "original_max_position_embeddings": null, "max_position_embeddings": 131072 }""", "context", 4096)]
    [DataRow("""{ "original_max_position_embeddings": null, "max_position_embeddings": 320 }""", "context", 320)]
    [DataRow("""{ "original_max_position_embeddings": 4096 }""", "attention factor", 1.0)]
    public void Describe_OfLongrope_TakesTheOriginalWindow(string changes, string part, object expected) =>
        Assert.AreEqual(expected, Part(part, Long(changes)));

    [TestMethod]
    [DataRow("""{ "rope_scaling.short_factor": null }""", "'rope_scaling.short_factor' is missing")]
    [DataRow("""{ "rope_scaling.long_factor": null }""", "'rope_scaling.long_factor' is missing")]
    [DataRow("""{ "rope_scaling.short_factor": [1, 2] }""",
        "'rope_scaling.short_factor': expected 64 numbers above 0, one a rotated pair, found [1,2]")]
    [DataRow("""{ "rope_scaling.long_factor": [1, "x"] }""",
        "'rope_scaling.long_factor[1]': expected a finite number, found")]
    [DataRow("""{ "rope_scaling.factor": 3 }""", "'rope_scaling.factor': expected max_position_embeddings / "
        + "original_max_position_embeddings = 4096 / 1024, found 3")]
    [DataRow("""{ "rope_scaling.original_max_position_embeddings": 512 }""",
        "'rope_scaling.original_max_position_embeddings': expected that of the whole config, 1024, found 512")]
    [DataRow("""{ "original_max_position_embeddings": 8192 }""",
        "'original_max_position_embeddings': expected at most max_position_embeddings = 4096, found 8192")]
    [DataRow("""{ "rope_scaling.attention_factor": 0 }""",
        "'rope_scaling.attention_factor': expected a number above 0, found 0")]
    public void Describe_OfBrokenLongrope_NamesTheKey(string changes, string expected) => Assert.Contains(expected,
        Assert.ThrowsExactly<FormatException>(() => Spec(Long(changes))).Message);

    [TestMethod]
    [DataRow("gemma2", """{ "attn_logit_softcapping": 0 }""",
        "'attn_logit_softcapping': expected a number above 0, found 0")]
    [DataRow("gemma2", """{ "final_logit_softcapping": -1 }""",
        "'final_logit_softcapping': expected a number above 0, found -1")]
    [DataRow("gemma2", """{ "query_pre_attn_scalar": 0 }""",
        "'query_pre_attn_scalar': expected a number above 0, found 0")]
    [DataRow("gemma2", """{ "layer_types": ["sliding_attention"] }""", "'layer_types': expected 30 entries, found")]
    [DataRow("granite", """{ "logits_scaling": 0 }""", "'logits_scaling': expected a number above 0, found 0")]
    [DataRow("granite", """{ "residual_multiplier": "x" }""",
        "'residual_multiplier': expected a finite number, found \"x\"")]
    [DataRow("granite", """{ "attention_multiplier": -2 }""",
        "'attention_multiplier': expected a number above 0, found -2")]
    [DataRow("granite", """{ "embedding_multiplier": 0 }""",
        "'embedding_multiplier': expected a number above 0, found 0")]
    [DataRow("olmo2", """{ "num_key_value_heads": 3 }""",
        "'num_key_value_heads': expected a divisor of num_attention_heads = 64, found 3")]
    [DataRow("phi3", """{ "partial_rotary_factor": 1.5 }""",
        "'partial_rotary_factor': expected a share above 0 and up to 1, found 1.5")]
    [DataRow("phi3", """{ "sliding_window": 0 }""", "'sliding_window': expected a whole number from 1 to")]
    [DataRow("smollm3", """{ "no_rope_layers": [1, 0] }""",
        "'no_rope_layers': expected a 0 or 1 for each of 30 layers, found [1,0]")]
    [DataRow("smollm3", """{ "num_hidden_layers": 2, "no_rope_layers": [1, 2] }""",
        "'no_rope_layers': expected a 0 or 1 for each of 2 layers, found [1,2]")]
    [DataRow("smollm3", """{ "no_rope_layer_interval": 0 }""",
        "'no_rope_layer_interval': expected a whole number from 1 to")]
    [DataRow("smollm3",
        """{ "num_hidden_layers": 1, "sliding_window": 24, "layer_types": ["sliding_attention"] }""",
        "'layer_types': expected full_attention alone where use_sliding_window is false, found")]
    [DataRow("mbart", """{ "decoder_attention_heads": 7 }""",
        "'decoder_attention_heads': expected a divisor of d_model = 64, found 7")]
    [DataRow("pegasus", """{ "scale_embedding": 1 }""", "'scale_embedding': expected true or false, found 1")]
    public void Describe_OfAValueThatIsNoGood_NamesIt(string family, string changes, string expected) =>
        Assert.Contains(expected,
            Assert.ThrowsExactly<FormatException>(() => Spec(Config(family, changes))).Message);

    [TestMethod]
    [DataRow("gemma2", """{ "use_bidirectional_attention": true }""",
        "'use_bidirectional_attention': found true, supported is false")]
    [DataRow("gemma2", """{ "hidden_activation": "quick_gelu" }""", "'hidden_activation': found \"quick_gelu\"")]
    [DataRow("gemma2", """{ "num_hidden_layers": 1, "layer_types": ["chunked_attention"] }""",
        "'layer_types': found [\"chunked_attention\"]")]
    [DataRow("phi3", """{ "rope_scaling": { "type": "ntk" } }""",
        "'rope_scaling.type': found \"ntk\", supported is longrope, su, yarn, default, linear, dynamic, llama3")]
    [DataRow("llama", """{ "rope_scaling": { "type": "longrope" } }""",
        "'rope_scaling.type': found \"longrope\", supported is default, linear, dynamic, llama3, yarn")]
    [DataRow("qwen2", """{ "rope_parameters": { "full_attention": { "rope_theta": 500000 } } }""",
        "'rope_parameters.full_attention': found {\"rope_theta\":500000}, supported is nothing")]
    [DataRow("smollm3", """{ "rope_parameters": { "sliding_attention": { "rope_theta": 10000 } } }""",
        "'rope_parameters.sliding_attention': found {\"rope_theta\":10000}, supported is nothing")]
    public void Describe_OfAValueThatIsNotSupported_NamesIt(string family, string changes, string expected) =>
        Assert.Contains(expected,
            Assert.ThrowsExactly<NotSupportedException>(() => Spec(Config(family, changes))).Message);

    private static string Times64(int factor) => string.Join(',', Enumerable.Repeat(factor, 64));

    /// <summary>A Phi-3 with longrope and changes of its keys, inner ones behind a dot.</summary>
    private static ModelConfig Long(string changes)
    {
        JsonObject values = JsonNode.Parse(s_long)!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse(changes)!.AsObject())
        {
            string[] path = key.Split('.');
            (path.Length == 1 ? values : values[path[0]]!.AsObject())[path[^1]] = value?.DeepClone();
        }
        return Config("phi3", values.ToJsonString());
    }
}
