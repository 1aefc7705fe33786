using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Which readers a saved model is for: those that know every option that it uses.</summary>
[TestClass]
public sealed class FormatVersionTests
{
    // All that the second version's reader knows. Frozen: whatever is not here came later and says since when.
    private static readonly string[] OfTheSecondVersion =
    [
        "GenerationOptions.Decoding", "GenerationOptions.MaxNewTokens", "GenerationOptions.MinNewTokens",
        "GenerationOptions.NoRepeatNGramSize", "GenerationOptions.RepetitionPenalty", "GenerationOptions.BannedWords",
        "GenerationOptions.StopStrings", "GenerationOptions.SequenceCount", "GenerationOptions.BatchSize",
        "GenerationOptions.LookAhead", "GenerationOptions.Truncation", "GenerationOptions.ErrorColumnName",
        "BeamDecoding.Width", "BeamDecoding.LengthPenalty", "BeamDecoding.EarlyStopping",
        "SamplingDecoding.Temperature", "SamplingDecoding.TopK", "SamplingDecoding.TopP", "SamplingDecoding.Seed",
    ];

    private static readonly MLContext Context = new(seed: 1);

    private static readonly SamplingDecoding LeastShare = Decoding.Sampling() with { MinP = 0.1 };

    [TestMethod]
    public void Members_ThatTheSecondVersionLacks_SaySinceWhen()
    {
        Type[] records =
        [
            typeof(GenerationOptions),
            .. typeof(Decoding).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Decoding))),
        ];
        string[] required = [.. records.SelectMany(record => record.GetProperties()
            .Where(member => member.CanWrite && !FormatVersion.MayLack(record, member.Name))
            .Select(member => $"{record.Name}.{member.Name}"))];
        CollectionAssert.AreEquivalent(OfTheSecondVersion, required);
    }

    [TestMethod]
    public void Save_OfAnOption_IsReadableFromTheVersionThatKnowsIt()
    {
        Assert.AreEqual((FormatVersion.Present, 0x00010002u), VersionsOf(new GenerationOptions()));
        Assert.AreEqual((FormatVersion.Present, 0x00010002u),
            VersionsOf(new GenerationOptions { Decoding = Decoding.Sampling(0.7, 5, 0.9, 3), LookAhead = 4 }));
        Assert.AreEqual((FormatVersion.Present, 0x00010003u),
            VersionsOf(new GenerationOptions { Decoding = LeastShare }));
        Assert.AreEqual((FormatVersion.Present, 0x00010004u),
            VersionsOf(new GenerationOptions { Decoding = LeastShare }, ModelPrecision.AsStored));
        Assert.AreEqual((FormatVersion.Present, 0x00010006u),
            VersionsOf(new GenerationOptions(), ModelPrecision.Int8));
        Assert.AreEqual((FormatVersion.Present, 0x00010006u),
            VersionsOf(new GenerationOptions(), ModelPrecision.Int4));
        Assert.AreEqual((FormatVersion.Present, 0x00010002u),
            VersionsOf(new GenerationOptions(), ModelPrecision.Automatic));
        Assert.AreEqual((FormatVersion.Present, 0x00010005u),
            VersionsOf(new GenerationOptions { Decoding = LeastShare with { DrawColumnName = "Input" } }));
    }

    [TestMethod]
    public void Load_OfTheSecondVersion_HasTheDefaultOfWhatCameLater()
    {
        using var folder = new TemporaryFolder();
        string file = Save(new GenerationOptions { Decoding = LeastShare }, folder);
        ModelArchive.Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode description = JsonNode.Parse(json)!;
            foreach (string later in (string[])["minP", "drawColumnName"])
                Assert.IsTrue(description["generation"]!["decoding"]!.AsObject().Remove(later));
            return System.Text.Encoding.UTF8.GetBytes(description.ToJsonString());
        });
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(file, out _);
        Assert.AreEqual(Decoding.Sampling(), loaded.Session.Settings.Generation.Decoding);
    }

    private static (uint Written, uint Readable) VersionsOf(GenerationOptions options,
        ModelPrecision precision = ModelPrecision.Float32)
    {
        using var folder = new TemporaryFolder();
        using ZipArchive archive = ZipFile.OpenRead(Save(options, folder, precision));
        using Stream stream = archive.Entries.Single(entry => entry.Name == "Model.key").Open();
        using var content = new MemoryStream();
        stream.CopyTo(content);
        byte[] header = content.ToArray();
        int numbers = header.AsSpan().IndexOf("PREFIXTN"u8) + "PREFIXTN".Length;
        return (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(numbers)),
            BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(numbers + sizeof(uint))));
    }

    private static string Save(GenerationOptions options, TemporaryFolder folder,
        ModelPrecision precision = ModelPrecision.Float32)
    {
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(1));
        using PrefixTuningTransformer model = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = options, Precision = precision }).Fit(rows);
        Context.Model.SaveAtomically(model, rows.Schema, folder["model.zip"]);
        return folder["model.zip"];
    }
}
