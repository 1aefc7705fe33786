using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What is written is what somebody reads, once.</summary>
[TestClass]
public sealed class RowsWrittenTests
{
    private const int Count = 100;

    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void Fit_OfATrainerBehind_WritesEachRowOnce()
    {
        Assert.AreEqual(Count, RowsOfATraining(remembered: 10_000));
    }

    [TestMethod]
    public void Fit_OfATrainerBehind_WritesAnewWhatIsNotRemembered()
    {
        long half = RowsOfATraining(remembered: Count / 2), none = RowsOfATraining(remembered: 0);
        // How many passes it makes differs a little from training to training.
        Assert.AreEqual(0, none % Count, "whole passes");
        Assert.AreEqual(0, half % (Count / 2), "the first half once, the other each time");
        Assert.IsGreaterThan(2 * Count, none);
        Assert.IsLessThan(none, half);
    }

    [TestMethod]
    public void Fit_OfATrainerBehindACacheCheckpoint_WritesEachRowOnce()
    {
        using PrefixTuningTransformer model = Model(remembered: 0);
        IDataView output = model.Transform(Data());
        Context.Transforms.Text.FeaturizeText("Features", "Output").AppendCacheCheckpoint(Context)
            .Append(Context.Regression.Trainers.Sdca("Number")).Fit(Context.Data.Cache(output, "Output", "Number"));
        Assert.AreEqual(Count, model.Session.RowsWritten);
    }

    [TestMethod]
    public void Texts_OfRemembered_AreThoseOfEveryPass()
    {
        using PrefixTuningTransformer model = Model(10_000), forgetful = Model(0);
        FaceRow[] rows = [.. TinyBase.Rows(4), .. TinyBase.Rows(6)];
        IDataView data = Context.Data.LoadFromEnumerable(rows);
        IDataView output = model.Transform(data);
        string[] expected = [.. forgetful.Transform(data).GetColumn<string>("Output")];
        for (int pass = 0; pass < 2; pass++)
            CollectionAssert.AreEqual(expected, output.GetColumn<string>("Output").ToArray());
        Assert.AreEqual(6, model.Session.RowsWritten);
        Assert.AreEqual(10, forgetful.Session.RowsWritten);
    }

    [TestMethod]
    public void Preview_OfTwoRows_WritesTwo()
    {
        using PrefixTuningTransformer model = Model(0);
        model.Transform(Data()).Preview(maxRows: 2);
        Assert.AreEqual(2, model.Session.RowsWritten);
    }

    [TestMethod]
    public void First_OfAColumn_WritesOne()
    {
        using PrefixTuningTransformer model = Model(0);
        _ = model.Transform(Data()).GetColumn<string>("Output").First();
        Assert.AreEqual(1, model.Session.RowsWritten);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(3)]
    public void TakeRows_BehindAFurtherTransform_WritesFew(int taken)
    {
        using PrefixTuningTransformer model = Model(0);
        IDataView output = model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(10 * Count)));
        IDataView further = Context.Transforms.Text.NormalizeText("Normal", "Output").Fit(output).Transform(output);
        string[] texts = [.. Context.Data.TakeRows(further, taken).GetColumn<string>("Normal")];
        Assert.HasCount(taken, texts);
        // ML.NET's thread may be four batches and two under way ahead of its reader: 1, 1, 2, 4, 8, 16, 16, ... rows.
        // docs/reliability.md says how many at most.
        Assert.IsLessThanOrEqualTo(100, model.Session.RowsWritten);
    }

    [TestMethod]
    public void Rows_BehindAFurtherTransform_AreAllOfThemInOrder()
    {
        using PrefixTuningTransformer model = Model(10_000);
        IDataView output = model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(4 * Count)));
        IDataView further = Context.Transforms.Text.NormalizeText("Normal", "Output").Fit(output).Transform(output);
        CollectionAssert.AreEqual(Enumerable.Range(0, 4 * Count).Select(i => (float)i).ToArray(),
            further.GetColumn<float>("Number").ToArray());
        string[] expected = [.. output.GetColumn<string>("Output").Select(text => text.ToLowerInvariant())];
        using DataViewRowCursor cursor = further.GetRowCursor(further.Schema);
        ValueGetter<ReadOnlyMemory<char>> normal = cursor.GetGetter<ReadOnlyMemory<char>>(further.Schema["Normal"]);
        ValueGetter<float> number = cursor.GetGetter<float>(further.Schema["Number"]);
        for (int row = 0; row < expected.Length; row++)
        {
            Assert.IsTrue(cursor.MoveNext());
            ReadOnlyMemory<char> text = default;
            float value = 0;
            normal(ref text);
            number(ref value);
            Assert.AreEqual((expected[row], (float)row), (text.ToString(), value));
        }
        Assert.IsFalse(cursor.MoveNext());
    }

    [TestMethod]
    public void Engine_AfterAnotherOneDisposedTheirTransformer_NamesTheOption()
    {
        PrefixTuningTransformer model = Model(0);
        var first = Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(model);
        using var second = Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(model);
        first.Dispose();
        var refused = Assert.ThrowsExactly<ObjectDisposedException>(() => second.Predict(TinyBase.Rows(1).Single()));
        Assert.AreEqual(nameof(PrefixTuningTransformer), refused.ObjectName);
        StringAssert.Contains(refused.Message, "PredictionEngineOptions.OwnsTransformer = false");
        Action[] others =
        [
            () => Context.Model.Save(model, null, new MemoryStream()), () => model.CreateGenerator(),
            () => model.WithGeneration(new GenerationOptions()),
        ];
        foreach (Action use in others)
            Assert.AreEqual(refused.Message, Assert.ThrowsExactly<ObjectDisposedException>(use).Message);
    }

    [TestMethod]
    public void Texts_AfterTheCallersListsChanged_AreThoseOfTheListsThatWereGiven()
    {
        List<string> stops = ["zebra"], banned = ["never"];
        var generation = new GenerationOptions { MaxNewTokens = 3, StopStrings = stops, BannedWords = banned };
        using PrefixTuningTransformer model = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = generation }).Fit(Data());
        stops[0] = "";
        banned.Clear();
        Assert.AreEqual("zebra", model.Generation.StopStrings.Single());
        Assert.HasCount(1, model.Generation.BannedWords);
        Assert.AreNotEqual("", model.Transform(Data()).GetColumn<string>("Output").First());
        Assert.AreEqual(new GenerationOptions(), new GenerationOptions { StopStrings = [], BannedWords = [] });
    }

    private static long RowsOfATraining(int remembered)
    {
        using PrefixTuningTransformer model = Model(remembered);
        Context.Transforms.Text.FeaturizeText("Features", "Output")
            .Append(Context.Regression.Trainers.Sdca("Number", maximumNumberOfIterations: 3))
            .Fit(model.Transform(Data()));
        return model.Session.RowsWritten;
    }

    private static IDataView Data() => Context.Data.LoadFromEnumerable(TinyBase.Rows(Count));

    private static PrefixTuningTransformer Model(int remembered)
    {
        var generation = new GenerationOptions { MaxNewTokens = 2, RememberedTexts = remembered };
        return Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = generation }).Fit(Data());
    }
}
