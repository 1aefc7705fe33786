using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Prefixes as files.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixFileTests
{
    private static readonly Dictionary<string, string> Metadata = new()
    {
        ["kind"] = "prefix-tuning.prefix",
        ["version"] = "1",
        ["placement"] = "Front",
        ["takes_positions"] = "True",
        ["counts_in_window"] = "False",
        ["holds_begin_token"] = "False",
    };

    private string _folder = "";

    public static IEnumerable<object[]> Conventions =>
        from placement in Enum.GetValues<PrefixPlacement>().Where(one => one != PrefixPlacement.Beside)
        from positions in (bool[])[false, true]
        from window in (bool[])[false, true]
        select new object[] { placement.ToString(), positions, window };

    private string Target => Path.Combine(_folder, "prefix.safetensors");

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("prefix-file-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DynamicData(nameof(Conventions))]
    public void Load_SavedPrefix_IsTheSame(string placement, bool positions, bool window)
    {
        var convention = new PrefixConvention(Enum.Parse<PrefixPlacement>(placement), positions, window);
        var prefix = new Prefix(Enum.GetValues<AttentionSite>()
            .Select(site => KeyValuePair.Create(site, Part((int)site + 1))), convention);
        prefix.Save(Target);
        Prefix loaded = Prefix.Load(Target);
        Assert.AreEqual(convention, loaded.Convention);
        CollectionAssert.AreEqual(prefix.Sites.ToArray(), loaded.Sites.ToArray());
        foreach ((AttentionSite site, SitePrefix part) in prefix.Parts)
        {
            CollectionAssert.AreEqual(part.Shape, loaded.Part(site)!.Shape);
            CollectionAssert.AreEqual(part.Values, loaded.Part(site)!.Values);
        }
        CollectionAssert.AreEqual(File.ReadAllBytes(Target), loaded.ToBytes());
    }

    /// <summary>Of a version of its own, which former readers refuse by its number.</summary>
    [TestMethod]
    public void Load_SavedMemory_IsTheSame()
    {
        var part = new SiteMemory(2, 3, 4, [.. Enumerable.Range(0, 2 * 3 * 4 * 4).Select(i => MathF.Cos(i))]);
        new Prefix([new(AttentionSite.Decoder, part)], PrefixConvention.Memory).Save(Target);

        Prefix loaded = Prefix.Load(Target);

        Assert.AreEqual((PrefixConvention.Memory, 0, 96L), (loaded.Convention, loaded.Length, loaded.ParameterCount));
        Assert.IsInstanceOfType<SiteMemory>(loaded.Part(AttentionSite.Decoder));
        CollectionAssert.AreEqual(part.Values, loaded.Part(AttentionSite.Decoder)!.Values);
        CollectionAssert.AreEqual(File.ReadAllBytes(Target), loaded.ToBytes());
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        Assert.AreEqual(("2", "Beside"), (file.Metadata["version"], file.Metadata["placement"]));
        CollectionAssert.AreEqual(new long[] { 2, 1, 3, 4, 4 }, file.Describe("decoder").Shape);
    }

    [TestMethod]
    [DataRow("2, 2, 3, 4, 4")]
    [DataRow("2, 1, 3, 4, 5")]
    [DataRow("2, 3, 4, 4")]
    public void FromBytes_OfAMemoryOfAnotherShape_SaysSo(string shape)
    {
        byte[] bytes = Bytes(new(Metadata) { ["version"] = "2", ["placement"] = "Beside" },
            Content("decoder", [.. shape.Split(", ").Select(long.Parse)]));
        Assert.AreEqual("p: tensor 'decoder': expected shape [layers, 1, heads, head size, head size], found"
            + $" [{shape}].", Assert.ThrowsExactly<FormatException>(() => Prefix.FromBytes(bytes, "p")).Message);
    }

    [TestMethod]
    public void Prefix_OfKeysAndValuesBesideTheSoftmax_IsNone() => Assert.StartsWith(
        "Decoder prefix: expected a memory, found the other.", Assert.ThrowsExactly<ArgumentException>(() =>
            new Prefix([new(AttentionSite.Decoder, Part(1))], PrefixConvention.Memory)).Message);

    [TestMethod]
    public void Save_Prefix_IsAPlainSafeTensorsFile()
    {
        new Prefix([new(AttentionSite.Decoder, Part(2))], PrefixConvention.DecoderOnly).Save(Target);
        using SafeTensorsFile file = SafeTensorsFile.Open(Target);
        CollectionAssert.AreEqual(new[] { "decoder" }, file.TensorNames.ToArray());
        CollectionAssert.AreEqual(new long[] { 2, 2, 3, 4, 5 }, file.Describe("decoder").Shape);
        CollectionAssert.AreEquivalent(Metadata, file.Metadata.ToDictionary());
    }

    [TestMethod]
    [DataRow("kind", null, "p: metadata 'kind': expected 'prefix-tuning.prefix', found nothing: it is no prefix file.")]
    [DataRow("kind", "pt", "p: metadata 'kind': expected 'prefix-tuning.prefix', found 'pt': it is no prefix file.")]
    [DataRow("version", "one\n", "p: metadata 'version': expected a number from 1, found 'one\\u000a'.")]
    [DataRow("placement", "Behind",
        "p: metadata 'placement': expected Front or AfterSource or BeforeLastSourceToken or Beside, found 'Behind'.")]
    [DataRow("placement", "1",
        "p: metadata 'placement': expected Front or AfterSource or BeforeLastSourceToken or Beside, found '1'.")]
    [DataRow("takes_positions", "yes", "p: metadata 'takes_positions': expected True or False, found 'yes'.")]
    [DataRow("counts_in_window", null, "p: metadata 'counts_in_window': expected True or False, found nothing.")]
    [DataRow("base", "width", "p: metadata 'base': expected lines of the form 'name: value', found 'width'.")]
    [DataRow("base", "identity: 1\n", "p: metadata 'base': family: expected a value, found nothing.")]
    public void FromBytes_WrongMetadata_IsRefused(string key, string? value, string message)
    {
        var metadata = new Dictionary<string, string>(Metadata);
        metadata.Remove(key);
        if (value is not null)
            metadata.Add(key, value);
        byte[] bytes = Bytes(metadata, Content("decoder", [1, 2, 1, 1, 2]));
        Assert.AreEqual(message, Assert.ThrowsExactly<FormatException>(() => Prefix.FromBytes(bytes, "p")).Message);
    }

    [TestMethod]
    public void FromBytes_NewerVersion_IsRefusedByNumber()
    {
        byte[] bytes = Bytes(new(Metadata) { ["version"] = "3" }, Content("decoder", [1, 2, 1, 1, 2]));
        Assert.AreEqual("p: metadata 'version': found 3, the newest that is read here is 2.",
            Assert.ThrowsExactly<NotSupportedException>(() => Prefix.FromBytes(bytes, "p")).Message);
    }

    [TestMethod]
    public void FromBytes_NewerIdentityOfTheBase_IsRefusedByNumber()
    {
        byte[] bytes = Bytes(new(Metadata) { ["base"] = "identity: 2\n" }, Content("decoder", [1, 2, 1, 1, 2]));
        Assert.AreEqual("p: metadata 'base': identity: found 2, the newest that is read here is 1.",
            Assert.ThrowsExactly<NotSupportedException>(() => Prefix.FromBytes(bytes, "p")).Message);
    }

    [TestMethod]
    public void FromBytes_WrongTensors_AreRefused()
    {
        Refuses("p: expected a tensor encoder, decoder or cross, found none.");
        Refuses("p: tensor 'weight': expected encoder, decoder or cross.", Content("weight", [1, 2, 1, 1, 2]));
        Refuses("p: tensor 'decoder': expected shape [layers, 2, heads, length, head size], found [1, 3, 1, 1, 2].",
            Content("decoder", [1, 3, 1, 1, 2]));
        Refuses("p: tensor 'decoder': expected shape [layers, 2, heads, length, head size], found [1, 2, 1, 0, 2].",
            Content("decoder", [1, 2, 1, 0, 2]));
        Refuses("p: tensor 'decoder': expected shape [layers, 2, heads, length, head size], found [4].",
            Content("decoder", [4]));
        Refuses("p: tensor 'decoder': expected finite values, found NaN or infinity (not finite).",
            SafeTensorsContent.Of("decoder", [1, 2, 1, 1, 2], [0, 1, float.NaN, 2]));
        using Tensor half = zeros([1, 2, 1, 1, 2], ScalarType.BFloat16);
        Refuses("p: tensor 'decoder': expected dtype F32, found BF16.", SafeTensorsContent.Of("decoder", half));
    }

    [TestMethod]
    public void FromBytes_CutAnywhere_IsRefused()
    {
        byte[] whole = new Prefix([new(AttentionSite.Decoder, Part(1))], PrefixConvention.DecoderOnly).ToBytes();
        for (int length = 0; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];
            Assert.ThrowsExactly<FormatException>(() => Prefix.FromBytes(cut, "p"));
        }
    }

    [TestMethod]
    public void Load_FileIsMissing_SaysWhere()
    {
        var fault = Assert.ThrowsExactly<FileNotFoundException>(() => Prefix.Load(Target));
        Assert.AreEqual($"prefix.safetensors: expected a prefix file in '{_folder}', found nothing.", fault.Message);
    }

    private static void Refuses(string message, params SafeTensorsContent[] tensors)
    {
        byte[] bytes = Bytes(Metadata, tensors);
        Assert.AreEqual(message, Assert.ThrowsExactly<FormatException>(() => Prefix.FromBytes(bytes, "p")).Message);
    }

    private static SitePrefix Part(int layers) =>
        new(layers, 3, 4, 5, [.. Enumerable.Range(0, layers * 2 * 3 * 4 * 5).Select(i => MathF.Sin(i))]);

    private static SafeTensorsContent Content(string name, long[] shape) =>
        SafeTensorsContent.Of(name, shape, new float[shape.Aggregate(1L, (product, axis) => product * axis)]);

    private static byte[] Bytes(Dictionary<string, string> metadata, params SafeTensorsContent[] tensors)
    {
        using var stream = new MemoryStream();
        SafeTensorsWriter.Write(stream, tensors, metadata);
        return stream.ToArray();
    }
}
