using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>A GGUF file's keys as a description of a model: obeyed, or refused by name.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GgufConfigTests
{
    [TestMethod]
    public void Open_PlainFile_DescribesTheModel()
    {
        TransformerSpec spec = Describe(GgufBuilder.Llama());

        Assert.AreEqual(new HeadShape(2, 1, 4), spec.Decoder.Heads);
        Assert.AreEqual(new RotarySpec(10000, 4, new NoScaling()), ((RotaryPositions)spec.Decoder.Positions).Full);
        Assert.AreEqual(1e-5, spec.Decoder.Norm.Epsilon);
        Assert.IsTrue(spec.Head.Tied);
        CollectionAssert.AreEqual(new[] { 2 }, new List<int>(spec.Tokens.Ends));
    }

    [TestMethod]
    public void Open_FactorWithoutType_ScalesLinearly()
    {
        GgufBuilder file = GgufBuilder.Llama();
        file.Keys["llama.rope.scaling.factor"] = 4f;

        Assert.AreEqual(new LinearScaling(4), ((RotaryPositions)Describe(file).Decoder.Positions).Full.Scaling);
    }

    [TestMethod]
    public void Open_YarnKeys_AreObeyed()
    {
        GgufBuilder file = GgufBuilder.Llama();
        file.Keys["llama.rope.scaling.type"] = "yarn";
        file.Keys["llama.rope.scaling.factor"] = 4f;
        file.Keys["llama.rope.scaling.original_context_length"] = 8u;
        file.Keys["llama.rope.scaling.yarn_beta_fast"] = 16f;

        var scaling = (YarnScaling)((RotaryPositions)Describe(file).Decoder.Positions).Full.Scaling;
        Assert.AreEqual((4, 16, 1, 8), (scaling.Factor, scaling.BetaFast, scaling.BetaSlow, scaling.OriginalContext));
    }

    [TestMethod]
    [DataRow("llama.block_count", "2", "'llama.block_count': expected a whole number, found '2'.")]
    [DataRow("llama.block_count", 0u, "'llama.block_count': expected a whole number from 1 to 16777216, found 0.")]
    [DataRow("llama.attention.head_count", 0u, "'llama.attention.head_count': expected a number above 0, found 0.")]
    [DataRow("llama.attention.head_count_kv", 3u,
        "'llama.attention.head_count_kv': expected a divisor of num_attention_heads = 2, found 3.")]
    [DataRow("llama.vocab_size", 17u,
        "'llama.vocab_size': expected the rows of 'token_embd.weight', 16, found 17.")]
    [DataRow("llama.rope.dimension_count", 6u,
        "'llama.rope.dimension_count': expected an even number from 2 to the head size 4, found 6.")]
    [DataRow("llama.rope.freq_base", float.NaN, "'llama.rope.freq_base': expected a finite number, found NaN.")]
    [DataRow("tokenizer.ggml.eos_token_id", 16u,
        "'tokenizer.ggml.eos_token_id': expected an id from 0 to 15, found 16.")]
    [DataRow("tokenizer.ggml.eot_token_id", 16u,
        "'tokenizer.ggml.eot_token_id': expected an id from 0 to 15, found 16.")]
    public void Open_WrongKey_IsRefusedByItsName(string key, object value, string message) =>
        Assert.AreEqual($"wrong.gguf: {message}", Refusal<FormatException>(key, value));

    [TestMethod]
    [DataRow("general.architecture", "mamba", "found 'mamba', supported is llama, qwen2, qwen3, smollm3, olmo2, phi3, "
        + "granite, gemma2, gpt2, gptneox.")]
    [DataRow("llama.expert_count", 8u, "found 8, supported is 0.")]
    [DataRow("llama.attention.sliding_window", 16u, "found 16, supported is none.")]
    [DataRow("llama.attention.value_length", 8u, "found 8, supported is the size of keys, 4.")]
    [DataRow("llama.rope.dimension_count", 2u, "found 2, supported is the head size 4.")]
    [DataRow("llama.rope.scaling.type", "longrope", "found 'longrope', supported is none, linear, yarn.")]
    public void Open_KeyBeyondTheGraph_IsRefusedByItsName(string key, object value, string message) =>
        Assert.AreEqual($"wrong.gguf: '{key}': {message}", Refusal<NotSupportedException>(key, value));

    [TestMethod]
    [DataRow("general.architecture")]
    [DataRow("llama.context_length")]
    [DataRow("llama.embedding_length")]
    [DataRow("llama.block_count")]
    [DataRow("llama.feed_forward_length")]
    [DataRow("llama.attention.head_count")]
    [DataRow("llama.attention.layer_norm_rms_epsilon")]
    public void Open_NeededKeyAbsent_IsRefusedByItsName(string key) =>
        Assert.AreEqual($"wrong.gguf: '{key}' is missing.", Refusal<FormatException>(key, null));

    private static string Refusal<T>(string key, object? value)
        where T : Exception
    {
        GgufBuilder file = GgufBuilder.Llama();
        file.Keys.Remove(key);
        if (value is not null)
            file.Keys[key] = value;
        return Assert.ThrowsExactly<T>(() => Describe(file)).Message;
    }

    private static TransformerSpec Describe(GgufBuilder file)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["wrong.gguf"], file.Build().Bytes);
        using GgufModel model = GgufModel.Open(folder["wrong.gguf"]);
        return model.Spec;
    }
}
