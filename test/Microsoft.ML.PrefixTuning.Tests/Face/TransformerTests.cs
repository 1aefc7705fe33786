using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>What ML.NET demands of an estimator and its transformer.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TransformerTests
{
    private static readonly MLContext Context = new(seed: 1);
    private static PrefixTuningTransformer s_model = null!;
    private static string[] s_texts = null!;

    [ClassInitialize]
    public static void FitOnce(TestContext _)
    {
        s_model = TinyBase.Fit(Context);
        s_texts = TinyBase.Texts(Context, s_model, TinyBase.Rows(17));
    }

    [ClassCleanup]
    public static void Free() => s_model.Dispose();

    [TestMethod]
    public void Transform_OfRows_WritesTextsInOrder()
    {
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(17)));
        FaceOutput[] rows = Context.Data.CreateEnumerable<FaceOutput>(output, reuseRowObject: false).ToArray();
        CollectionAssert.AreEqual(TinyBase.Rows(17).Select(row => row.Input).ToArray(), rows.Select(row => row.Input)
            .ToArray());
        CollectionAssert.AreEqual(TinyBase.Rows(17).Select(row => row.Number).ToArray(), rows.Select(row => row.Number)
            .ToArray());
        Assert.IsTrue(rows.Any(row => row.Output.Length > 0));
        for (int i = 0; i < rows.Length; i++)
            Assert.AreEqual(TinyBase.Texts(Context, s_model, TinyBase.Rows(17).Skip(i).Take(1))[0], rows[i].Output,
                $"row {i} alone");
    }

    [TestMethod]
    [DataRow("Missing", "Input", "Could not find label column 'Missing'")]
    [DataRow("Label", "Missing", "Could not find input column 'Missing'")]
    [DataRow("Label", "Number", "Schema mismatch for input column 'Number': expected String, got Single")]
    [DataRow("Numbers", "Input", "Schema mismatch for label column 'Numbers': expected String, got Vector<Single")]
    public void Estimator_OfBadColumns_IsRefusedInSchemaAndFit(string label, string input, string words)
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        PrefixTuningEstimator estimator =
            Context.Transforms.Text.PrefixTune("Output", input, label, TinyBase.Llama, TinyBase.Quick);
        var schema = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            estimator.GetOutputSchema(HiddenMembers.MakeShape(data.Schema)));
        StringAssert.Contains(schema.Message, words);
        var fit = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => estimator.Fit(data));
        StringAssert.Contains(fit.Message, words);
    }

    [TestMethod]
    [DataRow(1, null)]
    [DataRow(1, "Error")]
    [DataRow(2, null)]
    [DataRow(2, "Error")]
    public void GetOutputSchema_OfEstimator_IsWhatTransformDelivers(int sequences, string? errorColumn)
    {
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        // A column with annotations, and one that is hidden by another of its name.
        IDataView data = Context.Transforms.Concatenate("Features", "Number", "Numbers")
            .Append(Context.Transforms.CopyColumns("Output", "Number"))
            .Fit(rows).Transform(rows);
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, TinyBase.Quick with
        {
            Generation = TinyBase.Quick.Generation with
            {
                Decoding = Decoding.Beam(2),
                SequenceCount = sequences,
                ErrorColumnName = errorColumn
            },
        });
        SchemaShape promised = estimator.GetOutputSchema(HiddenMembers.MakeShape(data.Schema));
        using PrefixTuningTransformer model = estimator.Fit(data);
        DataViewSchema delivered = model.Transform(data).Schema;
        CollectionAssert.AreEquivalent(Columns(promised), Columns(HiddenMembers.MakeShape(delivered)));
        Assert.IsTrue(promised.Any(column => column.Annotations.Any()));
        CollectionAssert.AreEqual(Described(delivered), Described(model.GetOutputSchema(data.Schema)));

        static string[] Columns(SchemaShape shape) => shape.Select(column =>
            $"{column.Name} {column.Kind} {column.ItemType} {column.IsKey} "
            + $"[{string.Join(", ", Columns(column.Annotations).Order())}]").ToArray();

        static string[] Described(DataViewSchema schema) => schema.Select(column =>
            $"{column.Name} {column.Type} {column.IsHidden} "
            + $"[{string.Join(", ", Described(column.Annotations.Schema))}]").ToArray();
    }

    [TestMethod]
    public void Transform_WithoutLabel_Works()
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(2).Select(row => new { row.Input }));
        Assert.AreEqual(2, s_model.Transform(data).GetColumn<string>("Output").Count());
    }

    [TestMethod]
    public void Annotations_OfPassedColumns_Remain()
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        IDataView named = Context.Transforms.Concatenate("Features", "Number", "Numbers").Fit(data).Transform(data);
        Assert.IsGreaterThan(0, s_model.Transform(named).Schema["Features"].Annotations.Schema.Count);
    }

    [TestMethod]
    public void Cursor_WithoutGeneratedColumn_RunsNoModel()
    {
        long before = s_model.Session.RowsWritten;
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(5)));
        CollectionAssert.AreEqual(new float[] { 0, 1, 2, 3, 4 }, output.GetColumn<float>("Number").ToArray());
        Assert.AreEqual(before, s_model.Session.RowsWritten);
    }

    [TestMethod]
    public void Cursor_OfAllColumns_RepeatsValuesAndKeepsItsRules()
    {
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(7)));
        using DataViewRowCursor cursor = output.GetRowCursor(output.Schema), other = output.GetRowCursor(output.Schema);
        ValueGetter<ReadOnlyMemory<char>> text = cursor.GetGetter<ReadOnlyMemory<char>>(output.Schema["Output"]);
        ValueGetter<ReadOnlyMemory<char>> same = other.GetGetter<ReadOnlyMemory<char>>(output.Schema["Output"]);
        ValueGetter<VBuffer<ReadOnlyMemory<char>>> words =
            cursor.GetGetter<VBuffer<ReadOnlyMemory<char>>>(output.Schema["Words"]);
        ValueGetter<DataViewRowId> id = cursor.GetIdGetter();
        Assert.AreEqual(-1, cursor.Position);
        Assert.ThrowsExactly<InvalidOperationException>(() => cursor.GetGetter<float>(output.Schema["Output"]));
        var ids = new HashSet<DataViewRowId>();
        for (int row = 0; row < 7; row++)
        {
            Assert.IsTrue(cursor.MoveNext() && other.MoveNext());
            ReadOnlyMemory<char> first = default, second = default, third = default;
            text(ref first);
            text(ref second);
            same(ref third);
            Assert.AreEqual(s_texts[row], first.ToString());
            Assert.AreEqual(first.ToString(), second.ToString());
            Assert.AreEqual(first.ToString(), third.ToString());
            VBuffer<ReadOnlyMemory<char>> vector = default;
            words(ref vector);
            Assert.AreEqual($"{row}", vector.DenseValues().Last().ToString());
            DataViewRowId rowId = default;
            id(ref rowId);
            Assert.IsTrue(ids.Add(rowId));
            Assert.AreEqual(row, cursor.Position);
        }
        Assert.IsFalse(cursor.MoveNext());
        Assert.IsFalse(cursor.MoveNext());
        Assert.AreEqual(-1, cursor.Position);
    }

    [TestMethod]
    public void CursorSet_OfAnySize_HasAllRowsInTheFirst()
    {
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(3)));
        using (DataViewRowCursor alone = output.GetRowCursorSet(output.Schema, 1).Single())
            Assert.AreEqual(3, Count(alone));
        DataViewRowCursor[] cursors = output.GetRowCursorSet(output.Schema, 4);
        CollectionAssert.AreEqual(new[] { 3, 0 }, cursors.Select(Count).ToArray());
        foreach (DataViewRowCursor cursor in cursors)
        {
            Assert.AreSame(output.Schema, cursor.Schema);
            Assert.IsTrue(output.Schema.All(cursor.IsColumnActive));
            Assert.IsNotNull(cursor.GetGetter<ReadOnlyMemory<char>>(output.Schema["Output"]));
            cursor.Dispose();
        }

        static int Count(DataViewRowCursor cursor)
        {
            int rows = 0;
            while (cursor.MoveNext())
                rows++;
            return rows;
        }
    }

    [TestMethod]
    public void PredictionEngine_OfRow_WritesWhatTransformWrites()
    {
        using PredictionEngine<FaceRow, FaceOutput> engine =
            Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(s_model,
            new PredictionEngineOptions { OwnsTransformer = false });
        FaceRow[] rows = TinyBase.Rows(5).ToArray();
        for (int row = 0; row < rows.Length; row++)
            Assert.AreEqual(s_texts[row], engine.Predict(rows[row]).Output);
    }

    [TestMethod]
    public void RowMapper_KeepsSchemaInstances()
    {
        DataViewSchema schema = Context.Data.LoadFromEnumerable(TinyBase.Rows(1)).Schema;
        IRowToRowMapper mapper = ((ITransformer)s_model).GetRowToRowMapper(schema);
        Assert.IsTrue(((ITransformer)s_model).IsRowToRowMapper);
        Assert.AreSame(schema, mapper.InputSchema);
        CollectionAssert.AreEqual(new[] { "Input" }, mapper.GetDependencies([mapper.OutputSchema["Output"]])
            .Select(column => column.Name).ToArray());
    }

    [TestMethod]
    public void Pipelines_OfMlNet_ComposeWithIt()
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(12));
        var pipeline = Context.Transforms.CopyColumns("Source", "Input").AppendCacheCheckpoint(Context)
            .Append(Context.Transforms.Text.PrefixTune("Output", "Source", "Label", TinyBase.Llama, TinyBase.Quick))
            .Append(Context.Transforms.CopyColumns("Copy", "Output"));
        using TransformerChain<Transforms.ColumnCopyingTransformer> chain = pipeline.Fit(data);
        IDataView output = chain.Transform(data);
        string[] copies = output.GetColumn<string>("Copy").ToArray();
        CollectionAssert.AreEqual(output.GetColumn<string>("Output").ToArray(), copies);
        CollectionAssert.AreEqual(copies, Context.Data.Cache(output).GetColumn<string>("Copy").ToArray());
        Assert.HasCount(5, chain.Transform(data).Preview(5).RowView);
        Assert.AreEqual(3, Context.Data.CrossValidationSplit(data, 3).Count);
        var split = Context.Data.TrainTestSplit(data, 0.3);
        using TransformerChain<Transforms.ColumnCopyingTransformer> part = pipeline.Fit(split.TrainSet);
        Assert.IsNotEmpty(part.Transform(split.TestSet).GetColumn<string>("Copy").ToArray());
    }

    [TestMethod]
    public void Shuffled_Rows_KeepTheirTexts()
    {
        IDataView shuffled = Context.Data.ShuffleRows(Context.Data.LoadFromEnumerable(TinyBase.Rows(9)), seed: 3);
        IDataView output = s_model.Transform(shuffled);
        foreach (FaceOutput row in Context.Data.CreateEnumerable<FaceOutput>(output, reuseRowObject: false))
            Assert.AreEqual(s_texts[(int)row.Number], row.Output);
    }

    [TestMethod]
    public void Output_AsTextAndBinary_ComesBack()
    {
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(4)));
        using var stream = new MemoryStream();
        Context.Data.SaveAsBinary(output, stream);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["rows.idv"], stream.ToArray());
        CollectionAssert.AreEqual(s_texts.Take(4).ToArray(), Context.Data.LoadFromBinary(folder["rows.idv"])
            .GetColumn<string>("Output").ToArray());
    }

    [TestMethod]
    public void Fit_WithTheSameSeed_GivesTheSamePrefixWhateverElseTheContextMade()
    {
        var other = new MLContext(seed: 1);
        other.Transforms.Text.FeaturizeText("Features", "Input");
        using PrefixTuningTransformer again = TinyBase.Fit(other);
        CollectionAssert.AreEqual(s_model.Prefix!.Parts[AttentionSite.Decoder].Values,
            again.Prefix!.Parts[AttentionSite.Decoder].Values);
        PrefixTuningEstimator estimator = TinyBase.Estimator(other);
        IDataView data = other.Data.LoadFromEnumerable(TinyBase.Rows(12));
        using PrefixTuningTransformer first = estimator.Fit(data), second = estimator.Fit(data);
        Assert.AreNotSame(first, second);
        CollectionAssert.AreEqual(first.Prefix!.Parts[AttentionSite.Decoder].Values,
            second.Prefix!.Parts[AttentionSite.Decoder].Values);
    }

    [TestMethod]
    public void Sequences_OfARow_AreAVector()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, TinyBase.Quick with
        {
            Generation = TinyBase.Quick.Generation with { Decoding = Decoding.Beam(3), SequenceCount = 2 },
        });
        IDataView output = model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(3)));
        ReadOnlyMemory<char>[][] texts = output.GetColumn<ReadOnlyMemory<char>[]>("Output").ToArray();
        Assert.HasCount(3, texts);
        Assert.IsTrue(texts.All(row => row.Length == 2 && !row[0].Span.SequenceEqual(row[1].Span)));
    }

    [TestMethod]
    public void GenerateText_WithThePrefix_WritesTheSameTexts()
    {
        var options = new TextGenerationOptions { Generation = TinyBase.Quick.Generation };
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(17));
        using PrefixTuningTransformer model =
            Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, s_model.Prefix, options).Fit(data);
        CollectionAssert.AreEqual(s_texts, TinyBase.Texts(Context, model, TinyBase.Rows(17)));
        using PrefixTuningTransformer alone =
            Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, options: options).Fit(data);
        Assert.IsNull(alone.Prefix);
        CollectionAssert.AreNotEqual(s_texts, TinyBase.Texts(Context, alone, TinyBase.Rows(17)));
    }

    [TestMethod]
    public void Fit_OfEncoderDecoder_WritesText()
    {
        PrefixTuningEstimator estimator =
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, TinyBase.Quick);
        using PrefixTuningTransformer model = estimator.Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(8)));
        CollectionAssert.AreEquivalent(Enum.GetValues<AttentionSite>(), model.Prefix!.Sites.ToArray());
        Assert.IsTrue(TinyBase.Texts(Context, model, TinyBase.Rows(4)).Any(text => text.Length > 0));
    }
}
