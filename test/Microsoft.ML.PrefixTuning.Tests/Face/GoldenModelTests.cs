using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Models that former versions saved: each loads, and writes what it wrote then (SavedModels/README.md).
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GoldenModelTests
{
    // Names a folder to write the present version's model into; it then belongs among the tests' files for good.
    private const string Variable = "PREFIX_TUNING_WRITE_MODEL";

    private static readonly MLContext Context = new(seed: 1);

    public static IEnumerable<object[]> Versions => Directory.EnumerateFiles(Folder, "*.zip")
        .Select(file => new object[] { Path.GetFileNameWithoutExtension(file) });

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "SavedModels");

    private static string Present => $"{FormatVersion.Present:x8}";

    private static IEnumerable<ToneRow> Rows => TinyBase.Rows(12).Select((row, index) => new ToneRow
    {
        Input = row.Input,
        Label = index % 3 == 1 ? row.Label.ToUpperInvariant() : row.Label,
        Tone = (index % 3) switch { 0 => "calm", 1 => "loud", _ => "unheard" },
    });

    [TestMethod]
    [DoNotParallelize]
    [DynamicData(nameof(Versions))]
    public void Load_OfSavedVersion_WritesTheSameTexts(string version)
    {
        string[] expected =
            JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(Folder, version + ".json")))!;
        AppContext.SetData(BaseLocator.FolderSetting, Path.GetDirectoryName(TinyBase.Folder("llama")));
        try
        {
            using var loaded = (PrefixTuningTransformer)Context.Model.Load(Path.Combine(Folder, version + ".zip"),
                out DataViewSchema schema);
            CollectionAssert.AreEqual(expected, Texts(loaded));
            Assert.IsNotNull(schema.GetColumnOrNull("Tone"));
            CollectionAssert.AreEqual(new[] { "calm", "loud" }, loaded.Prefixes.Keys.ToArray());
            Assert.AreEqual(2, loaded.Prefix!.Length);
            Assert.HasCount(10, loaded.TrainingSummary!.Losses);
            Assert.IsLessThan(loaded.TrainingSummary.Losses[0], loaded.TrainingSummary.Losses[^1]);
        }
        finally
        {
            AppContext.SetData(BaseLocator.FolderSetting, null);
        }
    }

    /// <summary>As ML.NET writes its version into a file.</summary>
    [TestMethod]
    public void MlNet_OfTheSavedModels_IsThatOfTheReadme()
    {
        string[] older = [.. Directory.EnumerateFiles(Folder, "*.zip").Where(file =>
        {
            using ZipArchive archive = ZipFile.OpenRead(file);
            using var reader = new StreamReader(archive.GetEntry("TrainingInfo/Version.txt")!.Open());
            return reader.ReadToEnd().StartsWith("5.0.1", StringComparison.Ordinal);
        }).Select(file => $"`{Path.GetFileNameWithoutExtension(file)}`").Order(StringComparer.Ordinal)];
        string readme = File.ReadAllText(
            Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests", "SavedModels", "README.md"));

        Assert.Contains($"\n{string.Join(", ", older[..^1])} and {older[^1]} were saved beside Microsoft.ML 5.0.1,",
            readme.ReplaceLineEndings("\n"));
    }

    [TestMethod]
    public void Version_OfTheFormat_HasASavedModel()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder)
            Write(folder);
        else
            Assert.IsTrue(File.Exists(Path.Combine(Folder, Present + ".zip")),
                $"{Present}.zip: set {Variable} to the tests' folder SavedModels and run this test.");
    }

    private static void Write(string folder)
    {
        IDataView data = Context.Data.LoadFromEnumerable(Rows.Where(row => row.Tone != "unheard"));
        using PrefixTuningTransformer model = TinyBase.Estimator(Context, new PrefixTuningOptions
        {
            AttributeColumnName = "Tone",
            AttributeLength = 4,
            UnseenAttribute = UnseenAttribute.UseSharedPart,
            Prefix = new PrefixOptions { Length = 6 },
            Template = "{input}\n",
            // What the present version is the first to have.
            Precision = ModelPrecision.Int8,
            Training = new TrainingOptions { BatchSize = 4, ValidationFraction = 0 },
            Generation = new GenerationOptions
            {
                MaxNewTokens = 6,
                StopStrings = ["zzz"],
                BannedWords = ["qq"]
            },
        }).Fit(data);
        string file = Path.Combine(folder, Present + ".zip");
        Context.Model.SaveAtomically(model, data.Schema, file);
        string[] texts = Texts(model);
        // What rounding decides would be another text on another processor.
        foreach (ModelPrecision wide in (ModelPrecision[])[ModelPrecision.Float32, ModelPrecision.BFloat16])
            CollectionAssert.AreEqual(TextsIn(wide, file), texts, $"{wide}");
        // Where this machine has the base is nobody's business.
        string path = JsonEncodedText.Encode(model.Session.Base.Path).ToString();
        ModelArchive.Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
            Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(json)
                .Replace(path, "nowhere/llama", StringComparison.Ordinal)));
        File.WriteAllText(Path.Combine(folder, Present + ".json"),
            JsonSerializer.Serialize(texts, new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <summary>What a saved model writes with its base in another precision.</summary>
    private static string[] TextsIn(ModelPrecision precision, string file)
    {
        using var folder = new TemporaryFolder();
        File.Copy(file, folder["model.zip"]);
        ModelArchive.Rewrite(folder["model.zip"], PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode description = JsonNode.Parse(json)!;
            description["precision"] = $"{precision}";
            return Encoding.UTF8.GetBytes(description.ToJsonString());
        });
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        return Texts(loaded);
    }

    private static string[] Texts(ITransformer model) =>
        [.. model.Transform(Context.Data.LoadFromEnumerable(Rows)).GetColumn<string>("Output")];
}
