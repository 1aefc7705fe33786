using System;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.Tokenizers;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>The transform that counts a base's tokens: views, engines, chains, saved models.</summary>
[TestClass]
public sealed class TokenCountingTests
{
    private static readonly MLContext Context = new();

    private static IDataView Rows => Context.Data.LoadFromEnumerable(TinyBase.Rows(20));

    private static int[] Expected
    {
        get
        {
            Tokenizer tokenizer = TinyBase.Llama.OpenTokenizer();
            return [.. TinyBase.Rows(20).Select(row => tokenizer.CountTokens(row.Input))];
        }
    }

    [TestMethod]
    public void Transform_EveryRow_HasItsCount()
    {
        TokenCountingEstimator estimator = Context.Transforms.Text.CountTokens("Tokens", "Input", TinyBase.Llama);
        IDataView counted = estimator.Fit(Rows).Transform(Rows);

        CollectionAssert.AreEqual(Expected, counted.GetColumn<int>("Tokens").ToArray());
        CollectionAssert.AreEqual(TinyBase.Rows(20).Select(row => row.Label).ToArray(),
            counted.GetColumn<string>("Label").ToArray());
    }

    [TestMethod]
    public void Transform_BehindAFurtherStepAndInAnEngine_TheSame()
    {
        ITransformer chain = Context.Transforms.Text.CountTokens("Tokens", "Input", TinyBase.Llama)
            .Append(Context.Transforms.Conversion.ConvertType("Tokens", outputKind: DataKind.Single)).Fit(Rows);

        CollectionAssert.AreEqual(Expected,
            chain.Transform(Rows).GetColumn<float>("Tokens").Select(count => (int)count).ToArray());
        using var engine = Context.Model.CreatePredictionEngine<FaceRow, FloatCount>(chain);
        CollectionAssert.AreEqual(Expected,
            TinyBase.Rows(20).Select(row => (int)engine.Predict(row).Tokens).ToArray());
    }

    [TestMethod]
    public void Load_OfASavedCounter_CountsTheSameAndRefusesOtherTokens()
    {
        using var folder = new TemporaryFolder();
        using TemporaryFolder copy = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        ITransformer counter = Context.Transforms.Text.CountTokens("Tokens", "Input", BaseModel.FromFolder(copy.Path))
            .Fit(Rows);
        Context.Model.SaveAtomically(counter, Rows.Schema, folder["counter.zip"]);

        ITransformer loaded = Context.Model.Load(folder["counter.zip"], out _);
        CollectionAssert.AreEqual(Expected, loaded.Transform(Rows).GetColumn<int>("Tokens").ToArray());

        string json = File.ReadAllText(copy["tokenizer.json"]);
        File.WriteAllText(copy["tokenizer.json"], json.Replace("<|im_end|>", "<|other|>", StringComparison.Ordinal));
        File.Delete(copy["tokenizer_config.json"]);
        var fault = Assert.ThrowsExactly<FileNotFoundException>(() => Context.Model.Load(folder["counter.zip"], out _));
        Assert.Contains("its tokens are others", fault.Message);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_WithABrokenBaseAtTheRecordedPlace_LooksFurther()
    {
        using var folder = new TemporaryFolder();
        using TemporaryFolder copy = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        ITransformer counter = Context.Transforms.Text.CountTokens("Tokens", "Input", BaseModel.FromFolder(copy.Path))
            .Fit(Rows);
        Context.Model.SaveAtomically(counter, Rows.Schema, folder["counter.zip"]);
        string moved = Path.Combine(folder.Path, Path.GetFileName(copy.Path));
        Directory.CreateDirectory(moved);
        foreach (string file in Directory.GetFiles(copy.Path))
            File.Copy(file, Path.Combine(moved, Path.GetFileName(file)));
        File.WriteAllText(copy["config.json"], "broken");

        var fault = Assert.ThrowsExactly<FileNotFoundException>(() => Context.Model.Load(folder["counter.zip"], out _));
        Assert.Contains("config.json", fault.Message);
        AppContext.SetData(BaseLocator.FolderSetting, folder.Path);
        try
        {
            ITransformer loaded = Context.Model.Load(folder["counter.zip"], out _);
            CollectionAssert.AreEqual(Expected, loaded.Transform(Rows).GetColumn<int>("Tokens").ToArray());
        }
        finally
        {
            AppContext.SetData(BaseLocator.FolderSetting, null);
        }
    }

    [TestMethod]
    [DataRow("base", "\"../llama\"", "base: expected a plain name, or several with '/' between, found '../llama'.")]
    [DataRow("base", "\"a//b\"", "base: expected a plain name, or several with '/' between, found 'a//b'.")]
    [DataRow("inputColumn", "\"\"", "inputColumn: expected a name, found an empty text.")]
    [DataRow("textRules", "{ \"version\": 5 }", "textRules.version: expected 1 to 4, found 5.")]
    public void Load_OfAHostileCounter_IsRefusedByKey(string key, string value, string words)
    {
        using var folder = new TemporaryFolder();
        ITransformer counter = Context.Transforms.Text.CountTokens("Tokens", "Input", TinyBase.Llama).Fit(Rows);
        Context.Model.SaveAtomically(counter, Rows.Schema, folder["counter.zip"]);
        ModelArchive.Rewrite(folder["counter.zip"], "Counter.json", json =>
        {
            JsonNode root = JsonNode.Parse(json)!;
            root[key] = JsonNode.Parse(value);
            return Encoding.UTF8.GetBytes(root.ToJsonString());
        });

        var fault = Assert.ThrowsExactly<FormatException>(() => Context.Model.Load(folder["counter.zip"], out _));

        Assert.EndsWith(", Counter.json, " + words, fault.Message);
    }

    [TestMethod]
    public void GetOutputSchema_PromiseAndDelivery_AreTheSame()
    {
        TokenCountingEstimator estimator = Context.Transforms.Text.CountTokens("Tokens", "Input", TinyBase.Llama);
        SchemaShape.Column promised = estimator.GetOutputSchema(HiddenMembers.MakeShape(Rows.Schema)).Single(
            column => column.Name == "Tokens");

        Assert.AreEqual(NumberDataViewType.Int32, promised.ItemType);
        Assert.AreEqual(NumberDataViewType.Int32, estimator.Fit(Rows).GetOutputSchema(Rows.Schema)["Tokens"].Type);
    }

    [TestMethod]
    [DataRow("Nothing", "Could not find input column 'Nothing'")]
    [DataRow("Number", "Schema mismatch for input column 'Number': expected String, got Single")]
    public void Fit_WithoutATextColumn_Refused(string column, string message)
    {
        TokenCountingEstimator estimator = Context.Transforms.Text.CountTokens("Tokens", column, TinyBase.Llama);

        var fault = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => estimator.Fit(Rows));

        Assert.StartsWith(message, fault.Message);
    }

    private sealed class FloatCount
    {
        public float Tokens { get; set; }
    }
}
