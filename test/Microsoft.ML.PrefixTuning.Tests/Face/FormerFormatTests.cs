using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.ModelFormat.Former;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What format 0x00010001 saved, for every kind of base: it loads and writes what it wrote then.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FormerFormatTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly TemporaryFolder _folder = new();

    // Families that came later were never saved in that format.
    public static IEnumerable<object[]> Bases =>
        BaseIdentityTests.Bases.Where(one => File.Exists(Text((string)one[0])));

    private static string Text(string name) => Path.Combine(BaseIdentityTests.Folder, name, "former.json");

    private static string Saved => Path.Combine(AppContext.BaseDirectory, "SavedModels", "00010001");

    private static string TinyModels => Path.GetDirectoryName(TinyBase.Folder("llama"))!;

    [TestCleanup]
    public void RemoveFolder()
    {
        AppContext.SetData(BaseLocator.FolderSetting, null);
        _folder.Dispose();
    }

    [TestMethod]
    [DynamicData(nameof(Bases))]
    public void ConfigText_OfBase_IsThatOfThen(string name) => Assert.AreEqual(
        File.ReadAllText(Text(name)),
        Encoding.UTF8.GetString(FormerConfigText.Of(BaseIdentityTests.Spec(name))));

    [TestMethod]
    [DataRow("embedded")]
    [DataRow("embedded-gguf")]
    public void Load_OfModelWithItsBase_WritesTheSameTexts(string name) => AssertWrites(name, Expected(name));

    [TestMethod]
    [DoNotParallelize]
    public void Load_OfModelOnAGgufFile_WritesTheSameTexts()
    {
        AppContext.SetData(BaseLocator.FolderSetting, TinyModels);
        AssertWrites("gguf", Expected("gguf"));
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_OfModelOnABaseBesideTheApplication_WritesTheSameTexts()
    {
        string packaged = Path.Combine(AppContext.BaseDirectory, BaseModel.ApplicationFolder, "narrow-gguf");
        Directory.CreateDirectory(packaged);
        try
        {
            string file = Path.Combine(TinyModels, "narrow-gguf", "model.gguf");
            File.Copy(file, Path.Combine(packaged, "model.gguf"), overwrite: true);
            AssertWrites("gguf", Expected("gguf"));
        }
        finally
        {
            Directory.Delete(packaged, recursive: true);
        }
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_WhereOnlyAnotherBaseIs_NamesTheValueThatDiffers()
    {
        // A folder of the name of the file: the same sizes, but no divisors of frequencies.
        string other = Directory.CreateDirectory(_folder["model.gguf"]).FullName;
        foreach (string file in Directory.EnumerateFiles(TinyBase.Folder("narrow")))
            File.Copy(file, Path.Combine(other, Path.GetFileName(file)));
        AppContext.SetData(BaseLocator.FolderSetting, _folder.Path);
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => Load("gguf"));
        Assert.Contains("is another one: config: expected hash ", refused.Message);
    }

    [TestMethod]
    public void Save_OfAFormerModel_IsOfThePresentFormat()
    {
        string file = _folder["again.zip"];
        using (PrefixTuningTransformer model = Load("embedded"))
            Context.Model.Save(model, null, file);
        SavedModel saved = SavedModelFile.Read(file)[0].Saved;
        Assert.IsInstanceOfType<BaseIdentity>(saved.Base.Identity);
        using var again = (PrefixTuningTransformer)Context.Model.Load(file, out _);
        CollectionAssert.AreEqual(Expected("embedded"), Texts(again));
    }

    [TestMethod]
    public void Load_OfAPrefixFile_WritesTheSameTexts()
    {
        Prefix prefix = Prefix.Load(Path.Combine(Saved, "prefix.safetensors"));
        Assert.IsNull(prefix.Base);
        ITransformer model = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, prefix,
            new TextGenerationOptions { Generation = TinyBase.Quick.Generation }).Fit(Rows);
        using (model as IDisposable)
            CollectionAssert.AreEqual(Expected("prefix"), Texts(model));
    }

    [TestMethod]
    public void Fit_WithAStateFile_RefusesItsVersionWithTheRemedy()
    {
        File.Copy(Path.Combine(Saved, "state.safetensors"), _folder["state"]);
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, new PrefixTuningOptions
        {
            Prefix = new PrefixOptions { Length = 1 },
            Training = new TrainingOptions { MaxSteps = 2, StateFile = _folder["state"] },
        }, BaseModel.FromFolder(TinyBase.Folder("narrow")));
        var refused = Assert.ThrowsExactly<NotSupportedException>(() => estimator.Fit(Rows));
        Assert.Contains("the state of a training in format 1, and only format 2 is gone on with", refused.Message);
        Assert.Contains("remove the file to start anew", refused.Message);
    }

    [TestMethod]
    public void Fingerprint_OfBaseOfALaterKind_IsAnotherBase()
    {
        TransformerSpec spec = BaseIdentityTests.Spec("llama");
        string hash = Convert.ToHexStringLower(SHA256.HashData(FormerConfigText.Of(spec)));
        var fingerprint = new FormerFingerprint("llama", 3, 48, 403, hash, hash);
        Assert.IsNull(fingerprint.Difference(spec, hash));
        Assert.ThrowsExactly<NotSupportedException>(() => fingerprint.Difference(
            spec with { Decoder = spec.Decoder with { Residual = (Residual)99 } }, hash));
    }

    private static IDataView Rows => Context.Data.LoadFromEnumerable(TinyBase.Rows(6));

    private static void AssertWrites(string name, string[] expected)
    {
        using PrefixTuningTransformer model = Load(name);
        CollectionAssert.AreEqual(expected, Texts(model));
    }

    private static PrefixTuningTransformer Load(string name) =>
        (PrefixTuningTransformer)Context.Model.Load(Path.Combine(Saved, name + ".zip"), out _);

    private static string[] Expected(string name) =>
        JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(Saved, name + ".json")))!;

    private static string[] Texts(ITransformer model) => [.. model.Transform(Rows).GetColumn<string>("Output")];
}
