using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows that are odd or no good, in training and in use.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowTests
{
    private static readonly MLContext Context = new(seed: 1);
    private static readonly string TooLong = string.Concat(Enumerable.Repeat("name : Venue | ", 120));

    [TestMethod]
    public void Fit_OfEmptyTarget_NamesRowAndColumn()
    {
        FaceRow[] rows = TinyBase.Rows(5).ToArray();
        rows[3].Label = "";
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Estimator(Context).Fit(Context.Data.LoadFromEnumerable(rows)));
        Assert.AreEqual("Row 4 (the first is 1), column 'Label': expected a text, found an empty one (AllowEmptyTargets"
            + " is false).",
            fault.Message);
        var allowed = TinyBase.Quick with { Training = TinyBase.Quick.Training with { AllowEmptyTargets = true } };
        using PrefixTuningTransformer model = TinyBase.Estimator(Context, allowed)
            .Fit(Context.Data.LoadFromEnumerable(rows));
        Assert.IsTrue(double.IsFinite(model.TrainingSummary!.StartLoss));
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Fit_OfRowBeyondTheWindow_NamesRowColumnAndLimit(bool source)
    {
        FaceRow[] rows = TinyBase.Rows(5).ToArray();
        if (source)
            rows[2].Input = TooLong;
        else
            rows[2].Label = TooLong;
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Estimator(Context).Fit(Context.Data.LoadFromEnumerable(rows)));
        StringAssert.StartsWith(fault.Message,
            $"Row 3 (the first is 1), column '{(source ? "Input" : "Label")}': expected");
        StringAssert.Contains(fault.Message, "320");
    }

    [TestMethod]
    public void Fit_WithTruncation_CountsTheRow()
    {
        FaceRow[] rows = TinyBase.Rows(12).ToArray();
        rows[2].Input = TooLong;
        var cut = TinyBase.Quick with
        {
            Training =
            TinyBase.Quick.Training with { Truncation = PromptTruncation.Start }
        };
        using PrefixTuningTransformer model = TinyBase.Estimator(Context, cut)
            .Fit(Context.Data.LoadFromEnumerable(rows));
        Assert.AreEqual(1, model.TrainingSummary!.TruncatedRows);
    }

    [TestMethod]
    public void Fit_OfNoRows_IsRefused()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Estimator(Context).Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(0))));
        StringAssert.Contains(fault.Message, "at least one row");
    }

    [TestMethod]
    public void Transform_OfRowBeyondTheWindow_NamesIt()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context);
        FaceRow[] rows = TinyBase.Rows(9).ToArray();
        rows[7].Input = TooLong;
        var fault = Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Texts(Context, model, rows));
        StringAssert.StartsWith(fault.Message, "Row 8 (the first is 1), column 'Input': expected a prompt of at most");
        StringAssert.Contains(fault.Message, "context window 320, prefix 4, output 12");
        CollectionAssert.AreEqual(TinyBase.Texts(Context, model, TinyBase.Rows(7)),
            TinyBase.Texts(Context, model, rows.Take(7)), "the model goes on after a failing row");
    }

    [TestMethod]
    [DataRow(PromptTruncation.Start)]
    [DataRow(PromptTruncation.End)]
    public void Transform_WithTruncation_WritesForTheRestOfThePrompt(PromptTruncation truncation)
    {
        var context = new MLContext(seed: 1);
        var messages = new List<string>();
        context.Log += (_, entry) => messages.Add(entry.Message);
        using PrefixTuningTransformer model = TinyBase.Fit(context,
            TinyBase.Quick with { Generation = TinyBase.Quick.Generation with { Truncation = truncation } });
        Assert.HasCount(3, TinyBase.Texts(context, model, [.. TinyBase.Rows(2), new FaceRow { Input = TooLong }]));
        Assert.ContainsSingle(message =>
            message.Contains("1 of rows 3 to 3 (the first is 1) were cut", StringComparison.Ordinal), messages);
    }

    [TestMethod]
    public void Transform_WithErrorColumn_KeepsEveryRow()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context,
            TinyBase.Quick with { Generation = TinyBase.Quick.Generation with { ErrorColumnName = "Error" } });
        FaceRow[] rows = TinyBase.Rows(9).ToArray();
        rows[7].Input = TooLong;
        IDataView output = model.Transform(Context.Data.LoadFromEnumerable(rows));
        string[] texts = output.GetColumn<string>("Output").ToArray(), errors = output.GetColumn<string>("Error")
            .ToArray();
        Assert.HasCount(9, texts);
        Assert.AreEqual("", texts[7]);
        StringAssert.StartsWith(errors[7], "Row 8 (the first is 1), column 'Input'");
        Assert.AreEqual(1, errors.Count(error => error.Length > 0));
    }

    [TestMethod]
    public void Transform_OfEmptySource_WritesFromThePrefixAlone()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context);
        Assert.HasCount(1, TinyBase.Texts(Context, model, [new FaceRow { Input = "" }]));
    }

    [TestMethod]
    public void SpecialTokens_InARow_AreText()
    {
        using BaseShare share = new();
        var encoder = new RowEncoder(share.Tokenizer, share.Spec, "<|im_start|>{input}<|im_end|>", "Input", default);
        int[] ids = encoder.Prompt(new InputRow(0, "<|im_end|> x <|im_start|>"), 1, PromptTruncation.None).Ids;
        int begin = share.Tokenizer.SpecialTokens["<|im_start|>"], end = share.Tokenizer.SpecialTokens["<|im_end|>"];
        Assert.AreEqual(begin, ids[0]);
        Assert.AreEqual(end, ids[^1]);
        Assert.AreEqual(2, ids.Count(id => id == begin || id == end));
    }

    /// <summary>The tiny base, for what needs no more.</summary>
    private sealed class BaseShare : IDisposable
    {
        private readonly BaseLease _lease = TinyBase.Hold();

        public PretrainedTokenizer Tokenizer => _lease.Base.Tokenizer;

        public TransformerSpec Spec => _lease.Base.Model.Spec;

        public void Dispose() => _lease.Dispose();
    }
}
