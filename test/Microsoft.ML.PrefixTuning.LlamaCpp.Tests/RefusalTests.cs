using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>What llama.cpp would write otherwise than this library is refused by its name.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RefusalTests
{
    private static LlamaCase Case => LlamaCase.Narrow;

    public static IEnumerable<object[]> Prefixes => new (string Name, Prefix Prefix, string Expected)[]
    {
        ("infix", With(PrefixConvention.InfixBeforeLastToken),
            "found an infix (BeforeLastSourceToken), which lies inside the row"),
        ("a memory", new Prefix([KeyValuePair.Create(AttentionSite.Decoder, (SitePrefix)new SiteMemory(
            Spec.Decoder.Layers, Spec.Decoder.Heads.Count, Spec.Decoder.Heads.Size,
            new float[SiteMemory.CountOf(Spec.Decoder)]))], PrefixConvention.Memory),
            "expected keys and values, found a memory outside of the softmax"),
        ("without positions", With(PrefixConvention.EncoderDecoder),
            "expected one that takes positions, found one that takes none"),
        ("too large for 16 bits", Case.Random(3, scale: 200_000),
            "expected values up to 65504, which 16 bits hold, found "),
        ("another site", new Prefix([KeyValuePair.Create(AttentionSite.Cross, Part())],
            PrefixConvention.DecoderOnly), "it has the site Cross"),
        ("another shape", new Prefix([KeyValuePair.Create(AttentionSite.Decoder,
            Part() with { Layers = 2, Values = new float[Part().Values.Length * 2] })], PrefixConvention.DecoderOnly),
            "found 2 layers of"),
        ("a begin token", With(PrefixConvention.DecoderOnly with { HoldsBeginToken = true }),
            "expected a begin token in front of texts"),
        ("as long as the window", Case.Random(Spec.ContextLength), $"expected fewer than {Spec.ContextLength} tokens"),
    }.Select(one => new object[] { one.Name, one.Prefix, one.Expected });

    private static TransformerSpec Spec
    {
        get
        {
            using GgufModel gguf = GgufModel.Open(Case.Path);
            return gguf.Spec;
        }
    }

    [TestMethod]
    [DynamicData(nameof(Prefixes))]
    public void FromGguf_OfAPrefixThatDoesNotFit_NamesIt(string name, Prefix prefix, string expected)
    {
        Exception fault = Assert.Throws<Exception>(() => LlamaCppGenerator.FromGguf(Case.Path,
            new Dictionary<string, Prefix> { ["mine"] = prefix }, LlamaCase.OneThread));

        Assert.StartsWith("'mine': ", fault.Message, name);
        Assert.Contains(expected, fault.Message, name);
    }

    [TestMethod]
    public async Task FromGguf_OfValuesBeyond16Bits_WritesWith32()
    {
        var prefixes = new Dictionary<string, Prefix> { ["large"] = Case.Random(3, scale: 200_000) };
        using TextGenerator own = Case.Model.CreateGenerator(prefixes),
            other = Case.Open(prefixes);
        var request = new TextRequest { Text = "name : a", Prefix = "large", Generation = new() { MaxNewTokens = 9 } };

        Assert.AreEqual((await own.GenerateAsync(request)).Text, (await other.GenerateAsync(request)).Text);
    }

    [TestMethod]
    public void FromGguf_OfValuesWhoseProductsOverflow_IsRefusedWith32BitsToo()
    {
        var prefixes = new Dictionary<string, Prefix> { ["huge"] = Case.Random(3, scale: 3e38f) };

        Assert.Contains("expected values up to 1E+20, whose products 32 bits hold, found ",
            Assert.Throws<Exception>(() => Case.Open(prefixes)).Message);
    }

    [TestMethod]
    public void FromGguf_OfOptionsWithoutAPart_NamesEachOne()
    {
        ArgumentException fault = Assert.ThrowsExactly<ArgumentException>(() => LlamaCppGenerator.FromGguf(Case.Path,
            generation: new() { Precision = ModelPrecision.BFloat16, Device = "cuda", EmbedBase = true, Threads = 0 },
            llamaCpp: new LlamaCppOptions { GpuLayers = -1, Cache = (LlamaCppCache)7 }));

        foreach (string name in (string[])["Precision", "Device", "EmbedBase", "Threads", "GpuLayers", "Cache"])
            Assert.Contains($"{name}: expected ", fault.Message);
    }

    [TestMethod]
    public void FromGguf_OfAFolder_IsRefused() => Assert.Contains("expected a .gguf file",
        Assert.ThrowsExactly<NotSupportedException>(
            () => LlamaCppGenerator.FromGguf(BaseModel.FromFolder(Path.GetDirectoryName(Case.Path)!))).Message);

    [TestMethod]
    public void Context_OfLayersWithWindows_EndsWithTheSmallest()
    {
        Assert.AreEqual(Spec.ContextLength, LlamaBase.Context(Spec));
        Assert.AreEqual(7, LlamaBase.Context(Spec with { Decoder = Spec.Decoder with { Windows = [null, 9, 7] } }));
        Assert.AreEqual(Spec.ContextLength, LlamaBase.Context(Spec with
        {
            Decoder = Spec.Decoder with { Windows = [Spec.ContextLength + 1] },
        }));
    }

    [TestMethod]
    public void CheckKind_OfAnArchitectureThatWasNotCompared_NamesIt()
    {
        GgufArchitecture other = GgufArchitecture.All.Single(one => one.Name == "llama") with { Name = "other" };
        Assert.Contains("found other",
            Assert.ThrowsExactly<NotSupportedException>(() => LlamaBase.CheckKind(Spec, other, "file")).Message);
    }

    [TestMethod]
    public void FromGguf_OfAScalingThatWasNotCompared_NamesIt()
    {
        using var folder = new TemporaryFolder();
        GgufBuilder file = GgufBuilder.LlamaWithTokenizer();
        file.Keys["llama.rope.scaling.type"] = "linear";
        file.Keys["llama.rope.scaling.factor"] = 2f;
        File.WriteAllBytes(folder["model.gguf"], file.Build().Bytes);

        Assert.Contains("found LinearScaling", Assert.ThrowsExactly<NotSupportedException>(
            () => LlamaCppGenerator.FromGguf(folder["model.gguf"])).Message);
    }

    // On each of these llama.cpp ends the process.
    [TestMethod]
    [DataRow("qwen2.attention.key_length", 2u, "tensor 'blk.0.attn_q.weight': expected shape [4, 8], found [8, 8].")]
    [DataRow("qwen2.rope.dimension_count", 2u,
        "expected heads of qwen2 that are rotated as a whole, 4 elements, found 2.")]
    [DataRow("general.alignment", 8u, "'general.alignment': llama.cpp as the engine: expected 32 or more, found 8.")]
    public void FromGguf_OfAFileThatLlamaCppAsserts_IsRefusedBefore(string key, uint value, string expected)
    {
        using var folder = new TemporaryFolder();
        GgufBuilder file = GgufBuilder.LlamaWithTokenizer("qwen2");
        const string Former = "llama.";
        foreach (string old in file.Keys.Keys.Where(old => old.StartsWith(Former, StringComparison.Ordinal)).ToArray())
        {
            file.Keys["qwen2." + old[Former.Length..]] = file.Keys[old];
            file.Keys.Remove(old);
        }
        file.Keys["general.architecture"] = "qwen2";
        file.Keys[key] = value;
        File.WriteAllBytes(folder["model.gguf"], file.Build().Bytes);

        Assert.Contains(expected,
            Assert.Throws<Exception>(() => LlamaCppGenerator.FromGguf(folder["model.gguf"])).Message);
    }

    [TestMethod]
    public void FromGguf_OfAnotherTokenizer_NamesTheToken()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["model.gguf"], GgufBuilder.LlamaWithTokenizer().Build().Bytes);

        InvalidOperationException fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            LlamaCppGenerator.FromGguf(Case.Path,
                llamaCpp: LlamaCase.Exact with { MadeFor = BaseModel.FromGguf(folder["model.gguf"]) }));

        Assert.Contains("tokenizer: expected token 0 ", fault.Message);
    }

    [TestMethod]
    public void Save_OntoAFileThatLlamaCppHasOpen_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string path = folder["model.gguf"];
        File.Copy(Case.Path, path);
        Prefix prefix = Case.Random(3);
        using (LlamaCppGenerator.FromGguf(path, generation: LlamaCase.OneThread))
        {
            Assert.Contains($"of the base model '{path}', which is open",
                Assert.ThrowsExactly<InvalidOperationException>(() => prefix.Save(path)).Message);
            CollectionAssert.AreEqual(File.ReadAllBytes(Case.Path), File.ReadAllBytes(path));
        }
        prefix.Save(path);
    }

    private static Prefix With(PrefixConvention convention) =>
        new([KeyValuePair.Create(AttentionSite.Decoder, Part())], convention);

    private static SitePrefix Part() => Case.Random(3).Part(AttentionSite.Decoder)!;
}
