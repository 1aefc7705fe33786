using System;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>
/// Families of which there are no golden GGUF files: a file made by the converter's rules gives the checkpoint's
/// logits, and its keys are obeyed or refused by name.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GgufTwinTests
{
    // A float32 key in place of a number in JSON.
    private const double Tolerance = 1e-4;

    [TestMethod]
    [DataRow("phi3")]
    [DataRow("phi3-longrope")]
    [DataRow("olmo2")]
    [DataRow("granite")]
    [DataRow("gemma2")]
    [DataRow("smollm3")]
    public void Logits_OfATwin_AreTheCheckpoints(string shape)
    {
        using TemporaryFolder folder = Checkpoint(shape);
        GgufTwin.Write(folder.Path, folder["model.gguf"]);

        float[] wanted = GoldenLogits.Logits(folder.Path), found = GoldenLogits.Logits(folder["model.gguf"]);

        Assert.IsLessThanOrEqualTo(Tolerance,
            wanted.Zip(found, (logit, other) => Math.Abs(logit - other)).Max());
    }

    [TestMethod]
    [DataRow("phi3", "attention.sliding_window", 24u, "24 24 24")]
    [DataRow("phi3", "attention.sliding_window", 0u, "")]
    [DataRow("phi3", "attention.sliding_window", null, "")]
    [DataRow("gemma2", "attention.sliding_window", 24u, "24 none 24 none")]
    [DataRow("gemma2", "attention.sliding_window", 0u, "")]
    [DataRow("gemma2", "attention.sliding_window", null, "4096 none 4096 none")]
    public void Open_Window_IsObeyed(string shape, string key, object? value, string expected) =>
        Assert.AreEqual(expected, Windows(Describe(shape, key, value)));

    [TestMethod]
    [DataRow("gemma2", "attn_logit_softcapping", null, 50.0)]
    [DataRow("gemma2", "attn_logit_softcapping", 7f, 7.0)]
    public void Open_CapOfScores_IsObeyed(string shape, string key, object? value, double expected) =>
        Assert.AreEqual(expected, Describe(shape, key, value).Decoder.ScoreCap);

    [TestMethod]
    [DataRow(null, 30.0)]
    [DataRow(7f, 7.0)]
    public void Open_CapOfLogits_IsObeyed(object? value, double expected) =>
        Assert.AreEqual(expected, Describe("gemma2", "final_logit_softcapping", value).Head.Cap);

    [TestMethod]
    [DataRow("granite", "attention.scale", null, 0.2886751345948129)]
    [DataRow("granite", "attention.scale", 0.5f, 0.5)]
    [DataRow("gemma2", "block_count", 46u, 0.2886751345948129)]
    [DataRow("gemma2", "block_count", 4u, 0.25)]
    public void Open_ScaleOfScores_IsLlamaCpps(string shape, string key, object? value, double expected) =>
        Assert.AreEqual(expected, Describe(shape, key, value).Decoder.ScoreScale!.Value, 1e-12);

    [TestMethod]
    public void Open_Longrope_EndsAtTheOriginalWindow()
    {
        TransformerSpec spec = Describe("phi3-longrope", "rope.scaling.original_context_length", 64u);
        Assert.AreEqual(64, spec.ContextLength);
        Assert.IsInstanceOfType<DivisorScaling>(((RotaryPositions)spec.Decoder.Positions).Full.Scaling);
    }

    [TestMethod]
    [DataRow("granite", "logit_scale", 0f, "'granite.logit_scale': expected a number above 0, found 0")]
    [DataRow("granite", "rope.scaling.finetuned", false,
        "'granite.rope.scaling.finetuned': found False, supported is true")]
    [DataRow("gemma2", "attn_logit_softcapping", 0f,
        "'gemma2.attn_logit_softcapping': expected a number above 0, found 0")]
    [DataRow("olmo2", "attention.sliding_window", 24u,
        "'olmo2.attention.sliding_window': found 24, supported is none")]
    [DataRow("smollm3", "logit_scale", 2f, "'smollm3.logit_scale': found 2, supported is 1")]
    [DataRow("phi3", "rope.scaling.attn_factor", 1.5f,
        "'phi3.rope.scaling.attn_factor': found 1.5, supported is 1")]
    [DataRow("phi3-longrope", "rope.scaling.attn_factor", -1f,
        "'phi3.rope.scaling.attn_factor': expected a number above 0, found -1")]
    [DataRow("phi3-longrope", "rope.scaling.type", "yarn",
        "'phi3.rope.scaling.type': found 'yarn', supported is longrope beside the tensor")]
    public void Open_WrongKey_IsRefusedByItsName(string shape, string key, object value, string expected)
    {
        Exception fault = Assert.Throws<Exception>(() => Describe(shape, key, value));
        Assert.Contains(expected, fault.Message);
    }

    [TestMethod]
    public void Open_FactorsOfAFamilyWithoutLongrope_AreRefused()
    {
        using TemporaryFolder folder = Checkpoint("granite");
        GgufTwin.Write(folder.Path, folder["model.gguf"], file =>
            file.Tensors["rope_factors_short.weight"] = file.Tensors["rope_factors_long.weight"] = [6]);
        Assert.Contains("'rope_scaling.rope_type': found \"longrope\"",
            Assert.ThrowsExactly<NotSupportedException>(() => GgufModel.Open(folder["model.gguf"])).Message);
    }

    [TestMethod]
    public void Open_LongropeWithoutLongFactors_NamesTheTensor()
    {
        using TemporaryFolder folder = Checkpoint("phi3-longrope");
        GgufTwin.Write(folder.Path, folder["model.gguf"], file => file.Tensors.Remove("rope_factors_long.weight"));
        Assert.Contains("'rope_factors_long.weight' is missing",
            Assert.ThrowsExactly<FormatException>(() => GgufModel.Open(folder["model.gguf"])).Message);
    }

    private static string Windows(TransformerSpec spec) =>
        string.Join(' ', spec.Decoder.Windows.Select(window => window is null ? "none" : $"{window}"));

    private static TransformerSpec Describe(string shape, string key, object? value)
    {
        using TemporaryFolder folder = Checkpoint(shape);
        GgufTwin.Write(folder.Path, folder["model.gguf"], file =>
        {
            string name = $"{file.Keys["general.architecture"]}.{key}";
            file.Keys.Remove(name);
            if (value is not null)
                file.Keys[name] = value;
        });
        using GgufModel model = GgufModel.Open(folder["model.gguf"]);
        return model.Spec;
    }

    // llama.cpp knows SmolLM3 with every fourth layer not rotated only.
    private static TemporaryFolder Checkpoint(string shape)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        if (shape == "smollm3")
        {
            file["config"]!["no_rope_layers"] = null;
            file["config"]!["no_rope_layer_interval"] = 4;
        }
        return GoldenLogits.WriteCheckpoint(file);
    }
}
