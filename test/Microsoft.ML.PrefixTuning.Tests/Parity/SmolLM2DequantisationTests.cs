using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>The weights of SmolLM2 as floats, against the hashes of the reference.</summary>
[TestClass]
[TestCategory("Parity")]
public sealed class SmolLM2DequantisationTests
{
    // Names of the Hugging Face checkpoint, by those of the file.
    private static readonly Dictionary<string, string> Places = new()
    {
        ["attn_norm"] = "input_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["ffn_norm"] = "post_attention_layernorm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    [TestMethod]
    public void Read_InTheFilesOrder_EqualsReference()
    {
        using JsonDocument golden = Golden();
        using GgufFile file = GgufFile.Open(SmolLM2Base.Path);
        foreach (JsonElement wanted in golden.RootElement.GetProperty("tensors").EnumerateArray())
        {
            string name = wanted.GetProperty("name").GetString()!;
            Assert.AreEqual(wanted.GetProperty("type").GetString(), file.Describe(name).StoredType, name);
            CollectionAssert.AreEqual(wanted.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt64())
                .ToArray(),
                file.Describe(name).Shape, name);
            using Tensor found = file.Read(name, ScalarType.Float32);
            Assert.AreEqual(wanted.GetProperty("sha256").GetString(), Hash(found), name);
        }
    }

    [TestMethod]
    public void Read_OfAllTensorsAsAModel_EqualsTheCheckpoint()
    {
        using JsonDocument golden = Golden();
        using GgufModel model = GgufModel.Open(SmolLM2Base.Path);
        Dictionary<string, string> wanted = golden.RootElement.GetProperty("hf_sha256").EnumerateObject()
            .ToDictionary(item => item.Name, item => item.Value.GetString()!);
        Assert.HasCount(wanted.Count, model.TensorNames);
        foreach (string name in model.TensorNames)
        {
            using Tensor found = model.Read(name, ScalarType.Float32);
            Assert.AreEqual(wanted[CheckpointName(name)], Hash(found), name);
        }
    }

    private static JsonDocument Golden() =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Require(Fixtures.SmolLM2), "dequant.json")));

    private static string Hash(Tensor tensor) => Convert.ToHexStringLower(SHA256.HashData(tensor.bytes));

    private static string CheckpointName(string name) => name switch
    {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output_norm.weight" => "model.norm.weight",
        _ => Regex.Replace(name, @"^blk\.(\d+)\.(\w+)\.weight$", match =>
            $"model.layers.{match.Groups[1]}.{Places[match.Groups[2].Value]}.weight"),
    };
}
