using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What a precision becomes when it is used, saved and loaded, and that one base serves all of them.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrecisionTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly TemporaryFolder _folder = new();

    private static BaseModel Gguf => BaseModel.FromGguf(Path.Combine(TinyBase.Folder("narrow-gguf"), "model.gguf"));

    // What this machine's processor would choose.
    private static ModelPrecision Best => UsedPrecision.Of(ModelPrecision.Automatic).Products;

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow("GenuineIntel", 0, 0, nameof(BFloat16Products.None))]
    [DataRow("GenuineIntel", 1 << 22, 1 << 5, nameof(BFloat16Products.Fast))]
    [DataRow("GenuineIntel", 0, 1 << 5, nameof(BFloat16Products.Slow))]
    [DataRow("AuthenticAMD", 0, 1 << 5, nameof(BFloat16Products.Fast))]
    [DataRow("AuthenticAMD", 1 << 24, 1 << 4, nameof(BFloat16Products.None))] // tiles without bfloat16; AVX-VNNI
    public void Says_OfFlags_AsTheManualAndMeasurementsHaveIt(string vendor, int features, int further,
        string expected) => Assert.AreEqual(expected,
            Processor.Says(BinaryPrimitives.ReadInt32LittleEndian(Encoding.ASCII.GetBytes(vendor)), features, further)
                .ToString());

    [TestMethod]
    public void Of_WhatWasAsked_IsDecidedByTheProcessorOnce()
    {
        foreach (bool isFast in (bool[])[false, true])
        {
            ModelPrecision best = isFast ? ModelPrecision.BFloat16 : ModelPrecision.Float32;
            Assert.AreEqual(new UsedPrecision(best, best), UsedPrecision.Of(ModelPrecision.Automatic, null, isFast));
            Assert.AreEqual(new UsedPrecision(ModelPrecision.AsStored, best),
                UsedPrecision.Of(ModelPrecision.AsStored, null, isFast));
            Assert.AreEqual(new UsedPrecision(ModelPrecision.AsStored, ModelPrecision.Float32),
                UsedPrecision.Of(ModelPrecision.AsStored, ModelPrecision.Float32, isFast));
            foreach (ModelPrecision packed in (ModelPrecision[])[ModelPrecision.Int8, ModelPrecision.Int4])
            {
                var used = UsedPrecision.Of(packed, null, isFast);
                Assert.AreEqual(new UsedPrecision(packed, ModelPrecision.Float32), used);
                Assert.AreEqual(UsedPrecision.Of(ModelPrecision.BFloat16), used.OfTraining);
            }
            foreach (ModelPrecision plain in (ModelPrecision[])[ModelPrecision.Float32, ModelPrecision.BFloat16])
                Assert.AreEqual(new UsedPrecision(plain, plain), UsedPrecision.Of(plain, null, isFast));
        }
    }

    [TestMethod]
    public void Advice_IsGivenOnlyWhereAnotherPrecisionWouldPay()
    {
        var wide = UsedPrecision.Of(ModelPrecision.Float32);
        Assert.Contains("with --precision BFloat16 training is about twice as fast",
            wide.Advice(Option, BFloat16Products.Fast)!);
        Assert.IsNull(wide.Advice(Option, BFloat16Products.None));
        Assert.IsNull(wide.Advice(Option, BFloat16Products.Slow));
        var narrow = UsedPrecision.Of(ModelPrecision.BFloat16);
        Assert.Contains("with --precision Float32 training is faster", narrow.Advice(Option, BFloat16Products.Slow)!);
        Assert.IsNull(narrow.Advice(Option, BFloat16Products.Fast));
        Assert.IsNull(narrow.Advice(Option, BFloat16Products.None));
        Assert.IsNull(UsedPrecision.Of(ModelPrecision.AsStored).Advice(Option, BFloat16Products.Fast));
        Assert.AreEqual("Precision Int8 is for writing: training uses bfloat16.",
            UsedPrecision.Of(ModelPrecision.Int8).Advice(Option, BFloat16Products.Fast));
        static string Option(ModelPrecision value) => $"--precision {value}";
    }

    [TestMethod]
    public void Fit_Automatic_SavesWhatItBecame()
    {
        using PrefixTuningTransformer model = Fit(ModelPrecision.Automatic, TinyBase.Llama);
        Assert.AreEqual((Best, null), (model.Session.Settings.Precision, model.Session.Settings.Products));
        Save(model);
        using PrefixTuningTransformer loaded = Load();
        Assert.AreEqual(Best, loaded.Session.Settings.Precision);
        CollectionAssert.AreEqual(Texts(model), Texts(loaded));
    }

    [TestMethod]
    public void Fit_AsStored_WritesTheTextsOfAWideBaseAndComesBack()
    {
        using PrefixTuningTransformer wide = Fit(Best, Gguf), stored = Fit(ModelPrecision.AsStored, Gguf);
        LanguageModel model = stored.Session.Base.Model;
        Assert.IsTrue(model.Weights.Decoder.Blocks.All(block => block.Up.Weight is StoredMatrix));
        Assert.AreEqual((ModelPrecision.AsStored, (ModelPrecision?)Best),
            (stored.Session.Settings.Precision, stored.Session.Settings.Products));
        CollectionAssert.AreEqual(Texts(wide), Texts(stored));
        AreNear(wide.TrainingSummary!.Losses, stored.TrainingSummary!.Losses);

        Save(stored);
        using PrefixTuningTransformer loaded = Load();
        Assert.AreEqual(stored.Session.Settings.Products, loaded.Session.Settings.Products);
        CollectionAssert.AreEqual(Texts(stored), Texts(loaded));
    }

    [TestMethod]
    [DataRow(ModelPrecision.Int8)]
    [DataRow(ModelPrecision.Int4)]
    public void Fit_ForWriting_TrainsInBFloat16AndWritesWithFewerBits(ModelPrecision precision)
    {
        var messages = new List<string>();
        var context = new MLContext(seed: 1);
        context.Log += (_, entry) => messages.Add(entry.Message);
        using PrefixTuningTransformer narrow = Fit(ModelPrecision.BFloat16, TinyBase.Llama);
        using PrefixTuningTransformer packed = TinyBase.Fit(context, TinyBase.Quick with { Precision = precision });
        CollectionAssert.AreEqual(narrow.TrainingSummary!.Losses.ToArray(), packed.TrainingSummary!.Losses.ToArray());
        Assert.IsTrue(messages.Exists(message => message.Contains($"Precision {precision} is for writing",
            StringComparison.Ordinal)));
        LanguageModel model = packed.Session.Base.Model;
        Assert.IsTrue(model.Weights.Decoder.Blocks.All(block => block.Up.Weight is PackedMatrix));
        Assert.AreEqual((precision, null), (packed.Session.Settings.Precision, packed.Session.Settings.Products));

        string[] texts = Texts(packed);
        Save(packed);
        using PrefixTuningTransformer loaded = Load();
        Assert.AreEqual(precision, loaded.Session.Settings.Precision);
        Assert.IsInstanceOfType<PackedMatrix>(loaded.Session.Base.Model.Weights.Head);
        CollectionAssert.AreEqual(texts, Texts(loaded));
        using PredictionEngine<FaceRow, FaceOutput> engine =
            context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(loaded);
        CollectionAssert.AreEqual(texts, TinyBase.Rows(6).Select(row => engine.Predict(row).Output).ToArray());
    }

    [TestMethod]
    [DataRow(ModelPrecision.Int8)]
    [DataRow(ModelPrecision.Int4)]
    public async Task CreateGenerator_WithFewerBits_WritesTheTransformersTexts(ModelPrecision precision)
    {
        var options = new TextGenerationOptions { Precision = precision, Generation = TinyBase.Quick.Generation };
        using PrefixTuningTransformer trained = Fit(ModelPrecision.BFloat16, TinyBase.Llama);
        using PrefixTuningTransformer model = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            trained.Prefix, options).Fit(Rows);
        string[] texts = Texts(model);
        Save(model);
        using PrefixTuningTransformer loaded = Load();
        CollectionAssert.AreEqual(texts, Texts(loaded));

        var prefixes = new Dictionary<string, Prefix> { ["trained"] = trained.Prefix! };
        foreach ((TextGenerator generator, string? prefix) in ((TextGenerator, string?)[])[
            (model.CreateGenerator(), null), (loaded.CreateGenerator(), null),
            (TinyBase.Llama.CreateGenerator(prefixes, options), "trained")])
        {
            using (generator)
            {
                Assert.IsInstanceOfType<PackedMatrix>(((BaseEngine)generator.Engine).Base.Model.Weights.Head);
                TextResult[] found = await Task.WhenAll(TinyBase.Rows(6).Select(row =>
                    generator.GenerateAsync(new TextRequest { Text = row.Input, Prefix = prefix })));
                CollectionAssert.AreEqual(texts, found.Select(result => result.Text).ToArray());
            }
        }
    }

    [TestMethod]
    public void Fit_ForWritingOnAnotherDevice_IsRefusedBeforeIt()
    {
        var options = TinyBase.Quick with { Precision = ModelPrecision.Int8, Device = "cuda" };
        Assert.Contains("Device: expected cpu with a Precision of Int8, found 'cuda'",
            Assert.Throws<ArgumentException>(() => TinyBase.Estimator(Context, options)).Message);
    }

    [TestMethod]
    public void Load_OfWhatAnotherProcessorDecided_KeepsIt()
    {
        using (PrefixTuningTransformer model = Fit(ModelPrecision.AsStored, Gguf))
            Save(model);
        foreach (ModelPrecision products in (ModelPrecision[])[ModelPrecision.BFloat16, ModelPrecision.Float32])
        {
            Change(description => description["products"] = $"{products}");
            using PrefixTuningTransformer loaded = Load();
            Assert.AreEqual(products == ModelPrecision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32,
                loaded.Session.Base.Model.Type);
            Save(loaded);
        }
    }

    [TestMethod]
    public void Prefix_TrainedOnOneForm_ServesTheOther()
    {
        using PrefixTuningTransformer wide = Fit(ModelPrecision.Float32, Gguf);
        using PrefixTuningTransformer stored = Fit(ModelPrecision.AsStored, Gguf);
        foreach (PrefixTuningTransformer trained in (PrefixTuningTransformer[])[wide, stored])
        {
            trained.Prefix!.Save(_folder["prefix.safetensors"]);
            Prefix prefix = Prefix.Load(_folder["prefix.safetensors"]);
            string[][] texts = [.. ((ModelPrecision[])[ModelPrecision.Float32, ModelPrecision.AsStored]).Select(form =>
            {
                using PrefixTuningTransformer made = Context.Transforms.Text.GenerateText("Output", "Input", Gguf,
                    prefix, new TextGenerationOptions { Precision = form, Generation = TinyBase.Quick.Generation })
                    .Fit(Rows);
                return Texts(made);
            })];
            if (Best == ModelPrecision.Float32)
                CollectionAssert.AreEqual(texts[0], texts[1]);
        }
    }

    [TestMethod]
    [DataRow("Automatic", null)]
    [DataRow("AsStored", null)]
    [DataRow("AsStored", "Automatic")]
    [DataRow("Float32", "Float32")]
    public void Load_OfAPrecisionThatIsUndecided_IsRefused(string precision, string? products)
    {
        using (PrefixTuningTransformer model = Fit(ModelPrecision.Float32, TinyBase.Llama))
            Save(model);
        Change(description => (description["precision"], description["products"]) = (precision, products));
        Exception fault = Assert.Throws<Exception>(() => Load().Dispose());
        Assert.Contains("expected", $"{fault}");
        Assert.Contains(precision == "Automatic" ? "precision" : "products", $"{fault}");
    }

    private static IDataView Rows => Context.Data.LoadFromEnumerable(TinyBase.Rows(12));

    private static PrefixTuningTransformer Fit(ModelPrecision precision, BaseModel baseModel) =>
        TinyBase.Fit(Context, TinyBase.Quick with { Precision = precision }, baseModel: baseModel);

    private static string[] Texts(PrefixTuningTransformer model) =>
        TinyBase.Texts(Context, model, TinyBase.Rows(6));

    private static void AreNear(IReadOnlyList<double> wanted, IReadOnlyList<double> found)
    {
        Assert.HasCount(wanted.Count, found);
        for (int step = 0; step < wanted.Count; step++)
            Assert.AreEqual(wanted[step], found[step], 1e-3 * wanted[step], $"step {step}");
    }

    private void Save(PrefixTuningTransformer model) =>
        Context.Model.SaveAtomically(model, Rows.Schema, _folder["model.zip"]);

    private PrefixTuningTransformer Load() =>
        (PrefixTuningTransformer)Context.Model.Load(_folder["model.zip"], out _);

    private void Change(Action<JsonNode> change) =>
        ModelArchive.Rewrite(_folder["model.zip"], PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode description = JsonNode.Parse(json)!;
            change(description);
            return Encoding.UTF8.GetBytes(description.ToJsonString());
        });
}
