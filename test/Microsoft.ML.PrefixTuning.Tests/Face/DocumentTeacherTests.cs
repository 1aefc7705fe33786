using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A long document distilled: read in parts, and a teacher of each row's own text.</summary>
[TestClass]
public sealed class DocumentTeacherTests
{
    private static readonly MLContext Context = new(seed: 1);

    private static readonly Lazy<IReadOnlyList<StudyRow>> Rows = new(() =>
        SelfStudy.Write(TinyBase.Llama, StudyDocument.Text, StudyDocument.Quick));

    private static DistillationOptions Quick { get; } = new()
    {
        Student = new PrefixTuningOptions
        {
            Prefix = new PrefixOptions { Length = 6 },
            Training = new TrainingOptions
            {
                MaxSteps = 40,
                MaxEpochs = 20,
                BatchSize = 4,
                ValidationFraction = 0.25,
                Seed = 3,
            },
            Generation = new GenerationOptions { MaxNewTokens = 8 },
        },
        ContinuationColumnName = nameof(StudyRow.Answer),
    };

    [TestMethod]
    [DataRow(1)]
    [DataRow(7)]
    [DataRow(64)]
    public void Read_InParts_GivesTheKeysAndValuesOfTheWhole(int tokensPerPass)
    {
        using BaseLease hold = TinyBase.Hold();
        int[] ids = hold.Base.Tokenizer.Encode(StudyDocument.Text)[..200];
        Prefix whole = TextPrefix.Read(hold.Base, ids, 4096), parts = TextPrefix.Read(hold.Base, ids, tokensPerPass);
        SitePrefix expected = whole.Part(AttentionSite.Decoder)!, found = parts.Part(AttentionSite.Decoder)!;
        Assert.AreEqual(expected.Length, found.Length);
        for (int i = 0; i < expected.Values.Length; i++)
            Assert.AreEqual(expected.Values[i], found.Values[i], 1e-5f);
    }

    [TestMethod]
    public void Teacher_ReadInParts_SaysWhatTheWholeSays()
    {
        using BaseLease hold = TinyBase.Hold();
        string text = StudyDocument.Text[..500];
        TrainingExample[] rows = Examples(hold.Base, 5);
        PrefixTeacher teacher = PrefixTeacher.FromText(text);
        List<TrainingExample> whole = DistillationTeacher.Make(hold.Base, teacher, Quick).Annotate(rows, () => { });
        List<TrainingExample> parts =
            DistillationTeacher.Make(hold.Base, teacher, InPasses(16)).Annotate(rows, () => { });
        AssertSame(whole, parts);
    }

    [TestMethod]
    [DataRow("", "\n")]
    [DataRow("Ask : ", "\nReply :")]
    public void Teacher_OfAColumn_SaysOfEachRowWhatItsOwnTextInTheTemplateSays(string upToInput, string behindInput)
    {
        using BaseLease hold = TinyBase.Hold();
        string[] texts = [StudyDocument.Text[..300], "Another part of it .\n", StudyDocument.Text[300..600]];
        var encoder = new RowEncoder(hold.Base.Tokenizer, hold.Base.Model.Spec,
            $"{upToInput}{{input}}{behindInput}", "Question", default);
        RowContext[] contexts = [.. texts.Select(text => Of(encoder, text))];
        TrainingExample[] rows = Examples(hold.Base, 7, behindInput);
        TrainingExample[] own = [.. rows.Zip(TinyBase.Rows(7)).Select((pair, i) => pair.First with
        {
            Context = contexts[i % 3],
            Asked = encoder.BehindContext(pair.Second.Input),
        })];
        List<TrainingExample> found = OfColumn(hold.Base, Quick).Annotate(own, () => { });
        for (int text = 0; text < texts.Length; text++)
        {
            int first = text;
            PrefixTeacher whole = PrefixTeacher.FromText(upToInput + texts[text]);
            List<TrainingExample> expected =
                DistillationTeacher.Make(hold.Base, whole, Quick).Annotate(rows, () => { });
            AssertSame([.. expected.Where((_, i) => i % 3 == first)], [.. found.Where((_, i) => i % 3 == first)]);
        }
    }

    [TestMethod]
    public void Length_OfAContext_IsWhatTheRowHasNotItself()
    {
        using BaseLease hold = TinyBase.Hold();
        int[] ids = hold.Base.Tokenizer.Encode("Another part of it .\n");
        foreach (string? template in (string?[])[null, "{input} ?", "Ask :\n{input}"])
        {
            var encoder = new RowEncoder(hold.Base.Tokenizer, hold.Base.Model.Spec, template, "Question", default);
            Assert.AreEqual(ids.Length, Of(encoder, "Another part of it .\n").Length, template);
            Assert.AreEqual(0, Of(encoder, "").Length, template);
        }
    }

    [TestMethod]
    public void Fit_OfADocumentBeyondTheContext_ComesNearerToItsParts()
    {
        using PrefixTuningTransformer model = Fit(Quick);
        TrainingSummary summary = model.TrainingSummary!;
        Assert.IsLessThan(0.95 * summary.StartLoss, summary.BestLoss!.Value);
        using BaseLease hold = TinyBase.Hold();
        int longest = Rows.Value.Max(row => hold.Base.Tokenizer.Encode(row.Part).Length);
        Assert.AreEqual(new DistillationSummary(longest, 6, 1, 0), summary.Distillation);
    }

    [TestMethod]
    public void Fit_OfAColumn_StartsAsTheFirstTokensOfItsFirstText()
    {
        using PrefixTuningTransformer model = Fit(Quick with
        {
            Student = Quick.Student with { Training = Quick.Student.Training with { LearningRate = 1e-30 } },
        });
        using BaseLease hold = TinyBase.Hold();
        int[] ids = hold.Base.Tokenizer.Encode(Rows.Value[0].Part);
        Prefix expected = TextPrefix.Read(hold.Base, ids[..(6 - TextPrefix.Length(hold.Base, []))], 64);
        float[] start = expected.Part(AttentionSite.Decoder)!.Values;
        float[] found = model.Prefix!.Part(AttentionSite.Decoder)!.Values;
        Assert.HasCount(start.Length, found);
        for (int i = 0; i < start.Length; i++)
            Assert.AreEqual(start[i], found[i], 1e-5f);
    }

    [TestMethod]
    public void Fit_OfAnEncoderDecoderBase_ComesNearerToEachRowsText()
    {
        using PrefixTuningTransformer model = Context.Transforms.Text.DistillPrefix("Output", "Question", TinyBase.T5,
            PrefixTeacher.FromColumn("Part"), Quick).Fit(View(Rows.Value));
        Assert.IsLessThan(model.TrainingSummary!.StartLoss, model.TrainingSummary.BestLoss!.Value);
        Assert.IsGreaterThan(6, model.TrainingSummary.Distillation!.TeacherTokens);
    }

    [TestMethod]
    public void Fit_KilledAndResumed_GivesTheSamePrefix()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer whole = Fit(Quick);
        using var cancellation = new CancellationTokenSource();
        DistillationOptions kept = Training(Quick, training => training with { StateFile = folder["state"] });
        Assert.ThrowsExactly<OperationCanceledException>(() => Fit(Training(kept, training => training with
        {
            CancellationToken = cancellation.Token,
            Progress = progress =>
            {
                if (progress.Step == 15)
                    cancellation.Cancel();
            },
        })));
        int first = 0;
        using PrefixTuningTransformer resumed = Fit(Training(kept, training => training with
        {
            Progress = progress => first = first == 0 ? progress.Step : first,
        }));
        Assert.IsGreaterThan(1, first);
        CollectionAssert.AreEqual(whole.Prefix!.ToBytes(), resumed.Prefix!.ToBytes());
    }

    [TestMethod]
    public void Fit_OfAStateOfOtherTexts_IsRefused()
    {
        using var folder = new TemporaryFolder();
        DistillationOptions kept = Training(Quick, training =>
            training with { StateFile = folder["state"], MaxSteps = 2 });
        Fit(kept).Dispose();
        StudyRow[] others = [.. Rows.Value.Select(row => new StudyRow
        {
            Question = row.Question,
            Answer = row.Answer,
            Part = row.PartNumber == 0 ? row.Part : row.Part + "Other .\n",
        })];
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => Estimator(kept).Fit(View(others)));
        Assert.Contains("objective", fault.Message);
    }

    [TestMethod]
    public void Model_SavedAndLoaded_IsOneOfToday()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = Fit(Quick);
        Context.Model.Save(model, null, folder["model.zip"]);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        Assert.AreEqual(model.TrainingSummary!.Distillation, loaded.TrainingSummary!.Distillation);
        CollectionAssert.AreEqual(model.Prefix!.ToBytes(), loaded.Prefix!.ToBytes());
        CollectionAssert.DoesNotContain(loaded.GetOutputSchema(View(Rows.Value).Schema)
            .Select(column => column.Name).ToArray(), "PrefixTuning.TeacherContinuation");
    }

    [TestMethod]
    public void FromColumn_OfBadUse_SaysWhy()
    {
        Assert.ThrowsExactly<ArgumentException>(() => PrefixTeacher.FromColumn(""));
        Assert.Contains("ContinuationColumnName: expected a column, since a teacher of a column ('Part') writes"
            + " nothing, found null.", Assert.ThrowsExactly<ArgumentException>(() =>
                Estimator(Quick with { ContinuationColumnName = null })).Message);
        Assert.Contains("teacher column 'Nowhere'", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Estimator(Quick, "Nowhere").Fit(View(Rows.Value))).Message);
        Assert.Contains("teacher column 'Nowhere'", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Estimator(Quick, "Nowhere").GetOutputSchema(HiddenMembers.MakeShape(View(Rows.Value).Schema))).Message);
    }

    [TestMethod]
    public void Fit_OfARowBeyondTheContext_NamesIt()
    {
        StudyRow[] rows = [.. Rows.Value.Select(row => new StudyRow
        {
            Question = row.Question,
            Answer = row.Answer,
            Part = row == Rows.Value[2] ? StudyDocument.Text : row.Part,
        })];
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Estimator(Training(Quick, training =>
            training with { ValidationFraction = 0 })).Fit(View(rows)));
        Assert.Contains("Row 3 (the first is 1), column 'Part': expected at most ", fault.Message);
        Assert.Contains("in a context window of 320, found ", fault.Message);
    }

    [TestMethod]
    public void Fit_OfAStudentAsLongAsTheLongestText_IsRefused()
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Fit(Quick with
        {
            Student = Quick.Student with { Prefix = new PrefixOptions { Length = 200 } },
        }));
        Assert.Contains("Student.Prefix.Length: expected fewer tokens than the ", fault.Message);
        Assert.Contains(" of the longest text in column 'Part', found 200.", fault.Message);
    }

    [TestMethod]
    public void FromText_OfADocumentBeyondTheContext_NamesTheWayOut() => Assert.Contains("PrefixTeacher.FromColumn",
        Assert.ThrowsExactly<ArgumentException>(() => Context.Transforms.Text.DistillPrefix("Output", "Question",
            TinyBase.Llama, PrefixTeacher.FromText(StudyDocument.Text), Quick).Fit(View(Rows.Value))).Message);

    private static RowContext Of(RowEncoder encoder, string text) =>
        new(encoder.Context(text, out int ofTemplate, out _), ofTemplate);

    private static DistillationTeacher OfColumn(FrozenBase frozen, DistillationOptions options) =>
        DistillationTeacher.Make(frozen, PrefixTeacher.FromColumn("Part"), options, View(Rows.Value));

    private static DistillationOptions InPasses(int tokens) =>
        Training(Quick, training => training with { MaxTokensPerPass = tokens });

    private static DistillationOptions Training(DistillationOptions options,
        Func<TrainingOptions, TrainingOptions> change) => options with
        {
            Student = options.Student with { Training = change(options.Student.Training) },
        };

    private static TrainingExample[] Examples(FrozenBase frozen, int count, string behindInput = "\n") =>
    [
        .. TinyBase.Rows(count).Select(row => new TrainingExample(frozen.Tokenizer.Encode(row.Input + behindInput),
            frozen.Tokenizer.Encode(row.Label))),
    ];

    private static void AssertSame(List<TrainingExample> expected, List<TrainingExample> found)
    {
        Assert.HasCount(expected.Count, found);
        foreach ((TrainingExample one, TrainingExample other) in expected.Zip(found))
        {
            Assert.HasCount(one.Teacher!.Values.Length, other.Teacher!.Values);
            for (int i = 0; i < one.Teacher.Values.Length; i++)
                Assert.AreEqual(one.Teacher.Values[i], other.Teacher.Values[i], 1e-5f);
        }
    }

    private static PrefixDistillationEstimator Estimator(DistillationOptions options, string column = "Part") =>
        Context.Transforms.Text.DistillPrefix("Output", "Question", TinyBase.Llama, PrefixTeacher.FromColumn(column),
            options);

    private static PrefixTuningTransformer Fit(DistillationOptions options) =>
        Estimator(options).Fit(View(Rows.Value));

    private static IDataView View(IEnumerable<StudyRow> rows) => Context.Data.LoadFromEnumerable(rows);
}
