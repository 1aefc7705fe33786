using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers.FastTree;
using Microsoft.ML.Trainers.LightGbm;
using Microsoft.ML.Transforms.Onnx;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Neighbours.Tests;

/// <summary>The library works in one process with what is often used beside it, and so do its neighbours.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class NeighboursTests
{
    private static readonly MLContext Context = new(seed: 1);

    /// <summary>Something of every neighbour.</summary>
    private static readonly Type[] Neighbours =
    [
        typeof(FastTreeBinaryTrainer), typeof(LightGbmBinaryTrainer), typeof(OnnxTransformer),
        typeof(TorchSharp.NasBert.TextClassificationTrainer), typeof(ChatClientBuilder),
    ];

    private static string Base => Path.Combine(AppContext.BaseDirectory, "TinyModels", "llama");

    [TestMethod]
    public void Types_OfEveryNeighbour_AreLoadedInOneProcess()
    {
        LoadNeighbours();
        string?[] loaded = [.. AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetName().Name)];
        string?[] expected = [.. Neighbours.Select(neighbour => neighbour.Assembly.GetName().Name)];
        CollectionAssert.IsSubsetOf(expected, loaded);
        string?[] mlNet = [.. loaded.Where(name => name?.StartsWith("Microsoft.ML", StringComparison.Ordinal) is true)];
        CollectionAssert.AllItemsAreUnique(mlNet, "An assembly of ML.NET in two versions.");
    }

    [TestMethod]
    [DoNotParallelize]
    [DataRow("00010003", DisplayName = "Saved beside Microsoft.ML 5.0.1")]
    [DataRow("00010003-mlnet-6.0.0", DisplayName = "Saved beside Microsoft.ML 6.0.0")]
    public void Load_OfASavedModelBesideNeighbours_WritesTheSameTexts(string file)
    {
        LoadNeighbours();
        string folder = Path.Combine(AppContext.BaseDirectory, "SavedModels");
        string[] expected =
            JsonSerializer.Deserialize<string[]>(File.ReadAllText(Path.Combine(folder, file + ".json")))!;
        AppContext.SetData("Microsoft.ML.PrefixTuning.BaseModelFolder", Path.GetDirectoryName(Base));
        using var model = (PrefixTuningTransformer)Context.Model.Load(Path.Combine(folder, file + ".zip"), out _);
        IDataView rows = Context.Data.LoadFromEnumerable(Enumerable.Range(0, expected.Length).Select(i => new ToneRow
        {
            Input = $"name : Venue {i} | Type : {(i % 2 == 0 ? "pub" : "restaurant")} | food :"
                + $" {(i % 3 == 0 ? "French" : "Chinese")}",
            Tone = (i % 3) switch { 0 => "calm", 1 => "loud", _ => "unheard" },
        }));
        CollectionAssert.AreEqual(expected, model.Transform(rows).GetColumn<string>("Output").ToArray());
    }

    [TestMethod]
    public void Chain_WithFastTreeBehindTheTexts_TrainsSavesAndLoads() =>
        CheckChain(Context.BinaryClassification.Trainers.FastTree(
            numberOfTrees: 5, numberOfLeaves: 4, minimumExampleCountPerLeaf: 2));

    [TestMethod]
    public void Chain_WithLightGbmBehindTheTexts_TrainsSavesAndLoads() =>
        CheckChain(Context.BinaryClassification.Trainers.LightGbm(
            numberOfIterations: 5, numberOfLeaves: 4, minimumExampleCountPerLeaf: 2));

    private static void LoadNeighbours()
    {
        foreach (Type neighbour in Neighbours)
            Assert.IsNotEmpty(neighbour.Assembly.GetTypes());
    }

    private static void CheckChain(IEstimator<ITransformer> trainer)
    {
        IDataView rows = Context.Data.LoadFromEnumerable(Enumerable.Range(0, 24).Select(i => new Row
        {
            Facts = $"name : Venue {i} | Type : {(i % 2 == 0 ? "pub" : "restaurant")}",
            Reference = $"Venue {i} is a {(i % 2 == 0 ? "pub" : "restaurant")} .",
            Label = i % 2 == 0,
        }));
        var texts = Context.Transforms.Text.PrefixTune("Text", "Facts", "Reference", BaseModel.FromFolder(Base),
            new PrefixTuningOptions
            {
                Prefix = new PrefixOptions { Length = 4 },
                Training = new TrainingOptions { MaxSteps = 4, BatchSize = 8 },
                Generation = new GenerationOptions { MaxNewTokens = 12 },
            });
        // The texts of so small a base say little: the facts are beside them.
        ITransformer chain = texts.Append(Context.Transforms.Text.FeaturizeText("OfText", "Text"))
            .Append(Context.Transforms.Text.FeaturizeText("OfFacts", "Facts"))
            .Append(Context.Transforms.Concatenate("Features", "OfText", "OfFacts"))
            .Append(trainer).Fit(rows);
        Written[] before = Write(chain, rows);
        Assert.IsTrue(before.All(row => row.Text.Length > 0));
        Assert.IsGreaterThan(18, before.Count(row => row.PredictedLabel == row.Label));
        string folder = Directory.CreateTempSubdirectory("neighbours-").FullName;
        string file = Path.Combine(folder, "model.zip");
        try
        {
            Context.Model.Save(chain, rows.Schema, file);
            ITransformer loaded = new MLContext(seed: 1).Model.Load(file, out _);
            CollectionAssert.AreEqual(before, Write(loaded, rows));
            (loaded as IDisposable)?.Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            (chain as IDisposable)?.Dispose();
        }
    }

    private static Written[] Write(ITransformer chain, IDataView rows) => [.. Context.Data.CreateEnumerable<Prediction>(
        chain.Transform(rows), reuseRowObject: false).Select(row =>
            new Written(row.Text, row.Label, row.PredictedLabel, row.Score))];

    private sealed record Written(string Text, bool Label, bool PredictedLabel, float Score);
}

/// <summary>A row of the chain.</summary>
internal sealed class Row
{
    public string Facts { get; set; } = "";

    public string Reference { get; set; } = "";

    public bool Label { get; set; }
}

/// <summary>What the chain makes of it.</summary>
internal sealed class Prediction
{
    public string Text { get; set; } = "";

    public bool Label { get; set; }

    public bool PredictedLabel { get; set; }

    public float Score { get; set; }
}

/// <summary>A row of the saved models.</summary>
internal sealed class ToneRow
{
    public string Input { get; set; } = "";

    public string Label { get; set; } = "";

    public string Tone { get; set; } = "";
}
