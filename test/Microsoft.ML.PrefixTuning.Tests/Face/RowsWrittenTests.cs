using System;
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
    [DataRow(10_000, 1)]
    [DataRow(50, 6)]
    [DataRow(0, 9)]
    public void Fit_OfATrainerBehind_WritesARowOnce(int remembered, int passes)
    {
        using PrefixTuningTransformer model = Model(remembered);
        IDataView output = model.Transform(Data());
        Context.Transforms.Text.FeaturizeText("Features", "Output").Append(Context.Regression.Trainers.Sdca("Number"))
            .Fit(output);
        Console.WriteLine($"{remembered}: {model.Session.RowsWritten}");
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
        Console.WriteLine($"preview: {model.Session.RowsWritten}");
    }

    [TestMethod]
    public void First_OfAColumn_WritesOne()
    {
        using PrefixTuningTransformer model = Model(0);
        _ = model.Transform(Data()).GetColumn<string>("Output").First();
        Assert.AreEqual(1, model.Session.RowsWritten);
    }

    [TestMethod]
    public void TakeRows_BehindAFurtherTransform_WritesFew()
    {
        for (int i = 0; i < 5; i++)
        {
            using PrefixTuningTransformer model = Model(0);
            IDataView output = model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(1000)));
            IDataView further = Context.Transforms.Text.NormalizeText("Normal", "Output").Fit(output).Transform(output);
            long before = model.Session.RowsWritten;
            _ = Context.Data.TakeRows(further, 3).GetColumn<string>("Normal").ToArray();
            Console.WriteLine($"take: {model.Session.RowsWritten - before}");
            before = model.Session.RowsWritten;
            further.Preview(2);
            Console.WriteLine($"preview behind: {model.Session.RowsWritten - before}");
        }
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
    }

    private static IDataView Data() => Context.Data.LoadFromEnumerable(TinyBase.Rows(Count));

    private static PrefixTuningTransformer Model(int remembered)
    {
        var generation = new GenerationOptions { MaxNewTokens = 2, RememberedTexts = remembered };
        return Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = generation }).Fit(Data());
    }
}
