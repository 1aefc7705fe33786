using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Face.Tones;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows of one batch with different prefixes, one an attribute value.</summary>
[TestClass]
public sealed class AttributeTests
{
    private static PrefixTuningTransformer s_model = null!;
    private static string[] s_texts = null!;
    private static TemporaryFolder s_withBegin = null!;

    [ClassInitialize]
    public static void FitOnce(TestContext _)
    {
        s_withBegin = TinyBase.CopyWithBeginToken();
        s_model = Fit(Quick);
        s_texts = Texts(s_model, ToneRows(9));
    }

    [ClassCleanup]
    public static void Free()
    {
        s_model.Dispose();
        s_withBegin.Dispose();
    }

    [TestMethod]
    public void Fit_OfAttributes_GivesEachValueAPartOfItsOwn()
    {
        CollectionAssert.AreEquivalent(new[] { "calm", "loud", "odd" }, s_model.Prefixes.Keys.ToArray());
        Assert.IsNull(s_model.Prefix);
        Assert.AreEqual("Tone", s_model.AttributeColumnName);
        Prefix calm = s_model.Prefixes["calm"], loud = s_model.Prefixes["loud"];
        CollectionAssert.AreEqual(calm.WithoutLast(4).Parts[AttentionSite.Decoder].Values,
            loud.WithoutLast(4).Parts[AttentionSite.Decoder].Values);
        CollectionAssert.AreNotEqual(calm.WithoutLast(3).Parts[AttentionSite.Decoder].Values,
            loud.WithoutLast(3).Parts[AttentionSite.Decoder].Values);
        TrainingSummary summary = s_model.TrainingSummary!;
        Assert.AreEqual(3 * calm.ParameterCount, summary.StoredParameters);
        Assert.AreEqual((2 + 3 * 4) * calm.ParameterCount / 6, summary.TrainedParameters);
    }

    [TestMethod]
    public void Transform_OfMixedBatch_WritesWhatEachPrefixWritesAlone()
    {
        Assert.IsGreaterThan(1, s_texts.Distinct().Count());
        foreach (string tone in s_model.Prefixes.Keys)
        {
            using PrefixTuningTransformer alone = Generator(s_model.Prefixes[tone]);
            string[] expected = Texts(alone, ToneRows(9));
            for (int row = 0; row < 9; row++)
            {
                if (ToneRows(9).ElementAt(row).Tone == tone)
                    Assert.AreEqual(expected[row], s_texts[row], $"row {row}, {tone}");
            }
        }
        string[] ofCalm = Texts(s_model, ToneRows(9).Select(row => row with { Tone = "calm" }));
        CollectionAssert.AreNotEqual(ofCalm, Texts(s_model, ToneRows(9).Select(row => row with { Tone = "loud" })));
    }

    [TestMethod]
    public void Transform_OfMixedBatch_WithBeginToken_WritesWhatEachPrefixWritesAlone()
    {
        BaseModel baseModel = Base(withBegin: true);
        using PrefixTuningTransformer model =
            Fit(Quick with { UnseenAttribute = UnseenAttribute.UseSharedPart }, baseModel: baseModel);
        ToneRow[] rows = [.. ToneRows(9).Select((row, index) => row with { Tone = index < 7 ? row.Tone : "new" })];
        string[] texts = Texts(model, rows);
        Assert.IsGreaterThan(1, texts.Distinct().Count());
        Assert.HasCount(4, rows.Select(row => row.Tone).Distinct());
        foreach (string tone in rows.Select(row => row.Tone).Distinct())
        {
            Prefix prefix = model.Prefixes.GetValueOrDefault(tone, model.Prefix!);
            Assert.IsTrue(prefix.Convention.HoldsBeginToken, tone);
            using PrefixTuningTransformer alone = Generator(prefix, baseModel);
            string[] expected = Texts(alone, rows);
            for (int row = 0; row < rows.Length; row++)
            {
                if (rows[row].Tone == tone)
                    Assert.AreEqual(expected[row], texts[row], $"row {row}, {tone}");
            }
        }
    }

    [TestMethod]
    public void Engine_OfChangingAttribute_WritesItsText()
    {
        using PredictionEngine<ToneRow, ToneOutput> engine =
            Context.Model.CreatePredictionEngine<ToneRow, ToneOutput>(s_model,
            new PredictionEngineOptions { OwnsTransformer = false });
        CollectionAssert.AreEqual(s_texts, ToneRows(9).Select(row => engine.Predict(row).Output).ToArray());
    }

    [TestMethod]
    public void Mapper_OfOutputColumn_DependsOnInputAndAttribute()
    {
        DataViewSchema schema = View(ToneRows(1)).Schema;
        IRowToRowMapper mapper = ((ITransformer)s_model).GetRowToRowMapper(schema);
        IEnumerable<string> needed = mapper.GetDependencies([mapper.OutputSchema["Output"]])
            .Select(column => column.Name);
        CollectionAssert.AreEquivalent(new[] { "Input", "Tone" }, needed.ToArray());
        needed = mapper.GetDependencies([mapper.OutputSchema["Label"]]).Select(column => column.Name);
        CollectionAssert.AreEqual(new[] { "Label" }, needed.ToArray());
    }

    [TestMethod]
    public void Cursor_OfAnyColumns_ReadsTheAttributeAhead()
    {
        IDataView output = s_model.Transform(View(ToneRows(9)));
        CollectionAssert.AreEqual(s_texts, output.GetColumn<string>("Output").ToArray());
        CollectionAssert.AreEqual(ToneRows(9).Select(row => row.Tone).ToArray(), output.GetColumn<string>("Tone")
            .ToArray());
        using DataViewRowCursor cursor = output.GetRowCursor([output.Schema["Output"]]);
        Assert.IsFalse(cursor.IsColumnActive(output.Schema["Tone"]));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            cursor.GetGetter<ReadOnlyMemory<char>>(output.Schema["Tone"]));
    }

    [TestMethod]
    [DataRow("Missing", "Could not find attribute column 'Missing'")]
    [DataRow("Number", "Schema mismatch for attribute column 'Number': expected String, got Single")]
    public void Columns_WithoutTheAttribute_AreRefused(string column, string words)
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, Quick with { AttributeColumnName = column });
        TextGenerationEstimator generation = Combined(s_model.Prefixes, column);
        SchemaShape shape = HiddenMembers.MakeShape(data.Schema);
        Action[] uses = [() => estimator.GetOutputSchema(shape), () => estimator.Fit(data), () =>
            generation.GetOutputSchema(shape), () => generation.Fit(data)];
        foreach (Action use in uses)
            StringAssert.Contains(Assert.ThrowsExactly<ArgumentOutOfRangeException>(use).Message, words);
    }

    [TestMethod]
    public void Transform_WithoutTheAttribute_IsRefused()
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        Action[] uses = [() => s_model.Transform(data), () => s_model.GetOutputSchema(data.Schema), () =>
            ((ITransformer)s_model).GetRowToRowMapper(data.Schema)];
        foreach (Action use in uses)
            StringAssert.Contains(Assert.ThrowsExactly<ArgumentOutOfRangeException>(use).Message,
                "Could not find attribute column 'Tone'");
    }

    [TestMethod]
    public void Transform_OfUnseenValue_IsRefusedByName()
    {
        ToneRow[] rows = ToneRows(5).ToArray();
        rows[3] = rows[3] with { Tone = "new\n" };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Texts(s_model, rows));
        Assert.AreEqual(
            "Row 4 (the first is 1), column 'Tone': expected one of 'calm', 'loud', 'odd', found 'new\\u000a'.",
            fault.Message);
    }

    [TestMethod]
    public void Transform_OfUnseenValue_WithErrorColumn_KeepsTheOtherRows()
    {
        using PrefixTuningTransformer model = Combined(s_model.Prefixes, "Tone", new TextGenerationOptions
        {
            Generation = Quick.Generation with { ErrorColumnName = "Error" },
        }).Fit(View(ToneRows(1)));
        ToneRow[] rows = ToneRows(9).ToArray();
        rows[3] = rows[3] with { Tone = "" };
        IDataView output = model.Transform(View(rows));
        string[] texts = output.GetColumn<string>("Output").ToArray(), errors = output.GetColumn<string>("Error")
            .ToArray();
        StringAssert.StartsWith(errors[3],
            "Row 4 (the first is 1), column 'Tone': expected one of 'calm', 'loud', 'odd', found ''.");
        Assert.AreEqual(1, errors.Count(error => error.Length > 0));
        Assert.AreEqual("", texts[3]);
        CollectionAssert.AreEqual(s_texts.Where((_, row) => row != 3).ToArray(), texts.Where((_, row) => row != 3)
            .ToArray());
    }

    [TestMethod]
    public void Transform_OfUnseenValue_UsesTheSharedPartWhereOptionsSay()
    {
        using PrefixTuningTransformer model = Fit(Quick with { UnseenAttribute = UnseenAttribute.UseSharedPart });
        Assert.AreEqual(2, model.Prefix!.Length);
        CollectionAssert.AreEqual(model.Prefixes["odd"].WithoutLast(4).Parts[AttentionSite.Decoder].Values,
            model.Prefix.Parts[AttentionSite.Decoder].Values);
        using PrefixTuningTransformer shared = Generator(model.Prefix);
        ToneRow[] rows = ToneRows(9).Select(row => row with { Tone = row.Tone == "odd" ? "new" : row.Tone }).ToArray();
        string[] texts = Texts(model, rows), ofShared = Texts(shared, rows);
        for (int row = 0; row < rows.Length; row++)
            Assert.AreEqual(rows[row].Tone == "new" ? ofShared[row] : s_texts[row], texts[row], $"row {row}");
    }

    [TestMethod]
    [DataRow(UnseenAttribute.Refuse)]
    [DataRow(UnseenAttribute.UseSharedPart)]
    public void Load_OfAttributes_WritesTheSameTexts(UnseenAttribute unseen)
    {
        using var folder = new TemporaryFolder();
        string file = folder["model.zip"];
        using PrefixTuningTransformer model = Fit(Quick with { UnseenAttribute = unseen });
        IDataView data = View(ToneRows(9));
        Context.Model.SaveAtomically(model, data.Schema, file);
        using (var loaded = (PrefixTuningTransformer)Context.Model.Load(file, out _))
        {
            CollectionAssert.AreEqual(s_texts, Texts(loaded, ToneRows(9)));
            CollectionAssert.AreEqual(model.Prefixes.Keys.ToArray(), loaded.Prefixes.Keys.ToArray());
            Assert.AreEqual(model.Prefix?.Length, loaded.Prefix?.Length);
        }
        ToneRow row = ToneRows(9).Last();
        Assert.AreEqual(s_texts[^1], ChildProcess.Run(FaceChild.LoadTone, file, row.Input, row.Tone));
    }

    [TestMethod]
    [DataRow("\"attributeColumn\": \"Tone\"", "\"attributeColumn\": null",
        "attributePrefixes: expected a list where there is an attributeColumn, and only there")]
    [DataRow("\"value\": \"loud\"", "\"value\": \"calm\"",
        "attributePrefixes: expected each value once, found 'calm' twice")]
    [DataRow("\"value\": \"loud\"", "\"other\": \"loud\"", "'value'")]
    public void Description_OfBrokenAttributes_IsRefused(string old, string altered, string words)
    {
        byte[] json = new SavedModel
        {
            OutputColumn = "Output",
            InputColumn = "Input",
            AttributeColumn = "Tone",
            Precision = ModelPrecision.Float32,
            Generation = new GenerationOptions(),
            Base = new SavedBase { Name = "tiny", Path = "tiny", Identity = s_model.Session.Base.Identity },
            AttributePrefixes = [new SavedAttribute("calm", 1), new SavedAttribute("loud", 1)],
        }.ToBytes();
        string text = System.Text.Encoding.UTF8.GetString(json);
        StringAssert.Contains(text, old);
        Assert.HasCount(2, SavedModel.FromBytes(json, "Entry").AttributePrefixes!);
        byte[] broken = System.Text.Encoding.UTF8.GetBytes(text.Replace(old, altered, StringComparison.Ordinal));
        StringAssert.Contains(Assert.ThrowsExactly<FormatException>(() =>
            SavedModel.FromBytes(broken, "Entry")).Message, words);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void GenerateText_OfIndependentPrefixes_WritesWhatEachWritesAlone(bool withBegin)
    {
        // Different lengths and starts: where the base has a begin token, one prefix holds it and the others' rows do.
        BaseModel baseModel = Base(withBegin);
        using PrefixTuningTransformer first = TinyBase.Fit(Context, baseModel: baseModel),
            second = TinyBase.Fit(Context, TinyBase.Quick with
            {
                Prefix = new PrefixOptions { Length = 7, Start = PrefixStart.Random(0.5) },
            }, baseModel: baseModel);
        Assert.AreEqual((withBegin, false),
            (first.Prefix!.Convention.HoldsBeginToken, second.Prefix!.Convention.HoldsBeginToken));
        using PrefixTuningTransformer other = Generator(s_model.Prefixes["odd"], baseModel);
        var prefixes = new Dictionary<string, Prefix> { ["calm"] = first.Prefix!, ["loud"] = second.Prefix! };
        using PrefixTuningTransformer combined = Combined(prefixes, "Tone", new TextGenerationOptions
        {
            Generation = Quick.Generation,
            UnseenAttributePrefix = s_model.Prefixes["odd"],
        }, baseModel).Fit(View(ToneRows(1)));
        prefixes.Clear();
        Assert.HasCount(2, combined.Prefixes);
        string[] texts = Texts(combined, ToneRows(9)), ofFirst = Texts(first, ToneRows(9)),
            ofSecond = Texts(second, ToneRows(9)), ofOther = Texts(other, ToneRows(9));
        for (int row = 0; row < 9; row++)
            Assert.AreEqual(ToneRows(9).ElementAt(row).Tone switch
            {
                "calm" => ofFirst[row],
                "loud" => ofSecond[row],
                _ =>
                ofOther[row]
            }, texts[row], $"row {row}");
    }

    [TestMethod]
    public void GenerateText_OfBadPrefixes_IsRefused()
    {
        StringAssert.Contains(Assert.ThrowsExactly<ArgumentException>(() =>
            Combined(new Dictionary<string, Prefix>(), "Tone")).Message, "at least one prefix");
        Assert.ThrowsExactly<ArgumentNullException>(() =>
            Combined(new Dictionary<string, Prefix> { ["calm"] = null! }, "Tone"));
        Assert.ThrowsExactly<ArgumentException>(() => Combined(s_model.Prefixes, ""));
        var unused = new TextGenerationOptions { UnseenAttributePrefix = s_model.Prefixes["odd"] };
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, options: unused));
        StringAssert.Contains(fault.Message, "UnseenAttributePrefix: expected null without an attribute column");
        using PrefixTuningTransformer other = Context.Transforms.Text.PrefixTune("Output", "Input", "Label",
            TinyBase.T5, TinyBase.Quick).Fit(View(ToneRows(6)));
        var foreign = new Dictionary<string, Prefix>(s_model.Prefixes) { ["other"] = other.Prefix! };
        Assert.ThrowsExactly<InvalidOperationException>(() => Combined(foreign, "Tone").Fit(View(ToneRows(1))));
    }

    private static BaseModel Base(bool withBegin) =>
        withBegin ? BaseModel.FromFolder(s_withBegin.Path) : TinyBase.Llama;
}
