using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>PEFT folders in and out, against the folders that PEFT itself wrote.</summary>
[TestClass]
[TestCategory("Quick")]
[TestCategory("Parity")]
public sealed class PeftAdapterTests
{
    private string _folder = "";

    public static IEnumerable<object[]> Adapters =>
        from folder in FamilyCase.Folders
        from adapter in (string[])["adapter", "adapter-projected", "adapter-prompt"]
        where FamilyCase.HasFile(folder, adapter)
        select new object[] { folder, adapter };

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("peft-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DynamicData(nameof(Adapters))]
    public void Export_OfImportedFolder_GivesItBack(string folder, string adapter)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        string original = Path.Combine(golden.Folder, adapter);
        Prefix prefix = PeftAdapter.Import(original, frozen.Model);
        PeftAdapter.Export(prefix, _folder, frozen.Model.Spec);
        Prefix again = PeftAdapter.Import(_folder, frozen.Model);
        CollectionAssert.AreEqual(prefix.ToBytes(), again.ToBytes());
        if (adapter == "adapter-prompt")
            return;
        bool encoderDecoder = frozen.Model.Spec.IsEncoderDecoder;
        if (!encoderDecoder)
        {
            CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(original, PeftAdapter.WeightFile)),
                File.ReadAllBytes(Path.Combine(_folder, PeftAdapter.WeightFile)));
        }
        JsonObject expected = Config(original), found = Config(_folder);
        // Baked rows are written as direct ones, and an encoder-decoder's in every second of twice as many layers.
        expected["encoder_hidden_size"] = found["encoder_hidden_size"]!.DeepClone();
        expected["prefix_projection"] = false;
        if (encoderDecoder)
            expected["num_layers"] = 2 * frozen.Model.Spec.Decoder.Layers;
        Assert.AreEqual(expected.ToJsonString(), found.ToJsonString());
    }

    [TestMethod]
    public void Export_DirectAdapter_WritesTheConfigByteForByte()
    {
        using FamilyCase golden = FamilyCase.Open("gpt2");
        using FrozenBase frozen = golden.LoadBase();
        string original = Path.Combine(golden.Folder, "adapter");
        PeftAdapter.Export(PeftAdapter.Import(original, frozen.Model), _folder, frozen.Model.Spec);
        CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(original, PeftConfig.File)),
            File.ReadAllBytes(Path.Combine(_folder, PeftConfig.File)));
    }

    [TestMethod]
    public void Export_EncoderDecoderPrefix_FillsEvenLayersOnly()
    {
        using FamilyCase golden = FamilyCase.Open("bart");
        using FrozenBase frozen = golden.LoadBase();
        StackSpec stack = frozen.Model.Spec.Decoder;
        Prefix prefix = Filled(frozen.Model.Spec, PrefixConvention.Peft, AttentionSite.Decoder);
        PeftAdapter.Export(prefix, _folder, frozen.Model.Spec, "facebook/bart-base");
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(_folder, PeftAdapter.WeightFile));
        using Tensor rows = file.ReadStored("prompt_embeddings"), layers = rows.view(rows.size(0), stack.Layers, 2, -1);
        using Tensor odd = layers.select(2, 1), even = layers.select(2, 0), filled = even.ne(0).all(),
            empty = odd.eq(0).all();
        Assert.IsTrue(filled.item<bool>());
        Assert.IsTrue(empty.item<bool>());
        Assert.AreEqual("facebook/bart-base", (string?)Config(_folder)["base_model_name_or_path"]);
    }

    [TestMethod]
    [DataRow("bart", "sites",
        "Prefix: it cannot go out as a PEFT folder for this bart base: PEFT prefixes only the decoder's own"
            + " attention; lost would be: Encoder, Cross.")]
    [DataRow("bart", "unshifted",
        "Prefix: it cannot go out as a PEFT folder for this bart base: PEFT lets tokens start at the position behind"
            + " the prefix; the positions that this one was trained with would be lost.")]
    [DataRow("gpt2", "infix",
        "Prefix: it cannot go out as a PEFT folder for this gpt2 base: PEFT puts a prefix in front of the source; the"
            + " place behind it would be lost.")]
    [DataRow("gpt2", "memory",
        "Prefix: it cannot go out as a PEFT folder for this gpt2 base: PEFT has keys and values alone; this one is a"
            + " memory outside of the softmax (PrefixMethod.Memory).")]
    [DataRow("mistral-window", "exempt",
        "Prefix: it cannot go out as a PEFT folder for this mistral base: PEFT counts a prefix as columns of the"
            + " sliding window; that every token sees this one would be lost.")]
    [DataRow("gpt2", "begin",
        "Prefix: it cannot go out as a PEFT folder for this gpt2 base: PEFT puts the tokenizer's begin token behind the"
            + " prefix; that this one holds it, and rows behind it have none, would be lost.")]
    public void Export_PrefixOfOtherConvention_SaysWhatWouldBeLost(string folder, string prefix, string message)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        Prefix given = prefix switch
        {
            "sites" => Filled(frozen.Model.Spec, PrefixConvention.EncoderDecoder, Enum.GetValues<AttentionSite>()),
            "unshifted" => Filled(frozen.Model.Spec, PrefixConvention.EncoderDecoder, AttentionSite.Decoder),
            "memory" => Memories.Random(frozen.Model.Spec, 1, 0.1),
            "infix" => Filled(frozen.Model.Spec, PrefixConvention.Infix, AttentionSite.Decoder),
            "begin" => Filled(frozen.Model.Spec, PrefixConvention.DecoderOnly with { HoldsBeginToken = true },
                AttentionSite.Decoder),
            _ => Filled(frozen.Model.Spec, PrefixConvention.DecoderOnly, AttentionSite.Decoder),
        };
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            PeftAdapter.Export(given, _folder, frozen.Model.Spec));
        Assert.AreEqual(message, fault.Message);
        Assert.IsEmpty(Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Export_TrainedPrefixWithoutWindow_IsTaken()
    {
        using FamilyCase golden = FamilyCase.Open("gpt2");
        using FrozenBase frozen = golden.LoadBase();
        Prefix prefix = Filled(frozen.Model.Spec, PrefixConvention.DecoderOnly, AttentionSite.Decoder);
        PeftAdapter.Export(prefix, _folder, frozen.Model.Spec);
        CollectionAssert.AreEqual(prefix.Part(AttentionSite.Decoder)!.Values,
            PeftAdapter.Import(_folder, frozen.Model).Part(AttentionSite.Decoder)!.Values);
    }

    [TestMethod]
    public void Import_FolderIsMissing_SaysWhatWasExpected()
    {
        using FamilyCase golden = FamilyCase.Open("gpt2");
        using FrozenBase frozen = golden.LoadBase();
        string missing = Path.Combine(_folder, "missing");
        var fault = Assert.ThrowsExactly<DirectoryNotFoundException>(() => PeftAdapter.Import(missing, frozen.Model));
        Assert.AreEqual(
            $"Adapter '{missing}': expected a folder with adapter_config.json and adapter_model.safetensors, found"
                + " nothing.", fault.Message);
    }

    private static Prefix Filled(TransformerSpec spec, PrefixConvention convention, params AttentionSite[] sites) =>
        new(sites.Select(site =>
        {
            StackSpec stack = spec.StackOf(site);
            const int Length = 3;
            float[] values =
                [.. Enumerable.Range(1, stack.Layers * 2 * stack.Heads.KeyValueCount * Length * stack.Heads.Size)
                .Select(i => i / 64f)];
            return KeyValuePair.Create(site,
                new SitePrefix(stack.Layers, stack.Heads.KeyValueCount, Length, stack.Heads.Size, values));
        }), convention);

    private static JsonObject Config(string folder) =>
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, PeftConfig.File)))!.AsObject();
}
