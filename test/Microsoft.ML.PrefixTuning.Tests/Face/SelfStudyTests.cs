using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows that a base writes about a document.</summary>
[TestClass]
public sealed class SelfStudyTests
{
    private static readonly MLContext Context = new(seed: 1);

    private static SelfStudyOptions Quick => StudyDocument.Quick;

    public static IEnumerable<object[]> Bad =>
    [
        [Quick with { TokensPerPart = 0 }, "TokensPerPart: expected 1 or more, found 0."],
        [Quick with { QuestionsPerPart = 0 }, "QuestionsPerPart: expected 1 or more, found 0."],
        [Quick with { SeedPrompts = [] }, "SeedPrompts: expected at least one text, found none."],
        [Quick with { SeedPrompts = ["a", ""] }, "SeedPrompts: expected no empty text in the list, found one."],
        [Quick with { QuestionTemperature = 0 }, "QuestionTemperature: expected 0.001 to 1000, found 0."],
        [Quick with { MaxQuestionTokens = 0 }, "MaxQuestionTokens: expected 1 or more, found 0."],
        [Quick with { MaxAnswerTokens = -1 }, "MaxAnswerTokens: expected 1 or more, found -1."],
        [Quick with { Template = "none" }, "Template: expected {input} exactly once, found 'none'."],
        [Quick with { Device = "gpu" }, "Device: expected"],
        [Quick with { Threads = 0 }, "Threads: expected 1 or more, found 0."],
        [Quick with { TokensPerPart = 310 }, "TokensPerPart: expected at most 2"],
    ];

    [TestMethod]
    [DynamicData(nameof(Bad))]
    public void Write_OfABadOption_NamesIt(SelfStudyOptions options, string message)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Write(options));
        StringAssert.Contains(fault.Message, message);
    }

    [TestMethod]
    public void Write_OfNothing_IsRefused()
    {
        Assert.ThrowsExactly<ArgumentException>(() => SelfStudy.Write(TinyBase.Llama, " \n"));
        Assert.ThrowsExactly<ArgumentNullException>(() => SelfStudy.Write(null!, "text"));
    }

    [TestMethod]
    public void Write_ByAnEncoderDecoderBase_IsRefused()
    {
        var fault = Assert.ThrowsExactly<NotSupportedException>(() =>
            SelfStudy.Write(TinyBase.T5, StudyDocument.Text, Quick));
        Assert.Contains("expected a decoder-only base", fault.Message);
    }

    [TestMethod]
    public void Write_OfADocumentBeyondTheContext_CoversEveryPart()
    {
        var told = new List<SelfStudyProgress>();
        IReadOnlyList<StudyRow> rows = Write(Quick with { Progress = told.Add });
        string[] parts = [.. rows.Select(row => row.Part).Distinct()];
        using BaseLease hold = TinyBase.Hold();
        Assert.IsGreaterThan(hold.Base.Model.Spec.ContextLength, hold.Base.Tokenizer.Encode(StudyDocument.Text).Length);
        Assert.AreEqual(StudyDocument.Text, string.Join(' ', parts.Select(part => part.Trim())));
        Assert.IsTrue(parts.All(part => hold.Base.Tokenizer.Encode(part.Trim()).Length <= Quick.TokensPerPart));
        CollectionAssert.AreEqual(Enumerable.Range(0, parts.Length).ToArray(),
            rows.Select(row => row.PartNumber).Distinct().ToArray());
        Assert.AreEqual(new SelfStudyProgress(parts.Length, parts.Length, rows.Count), told[^1]);
        Assert.HasCount(parts.Length, told);
        Assert.IsTrue(rows.All(row => row.Question.Trim().Length > 0 && row.Answer.Trim().Length > 0));
        foreach (IGrouping<int, StudyRow> part in rows.GroupBy(row => row.PartNumber))
        {
            Assert.IsLessThanOrEqualTo(Quick.QuestionsPerPart, part.Count());
            Assert.AreEqual(part.Count(), part.DistinctBy(row => row.Question).Count());
        }
    }

    [TestMethod]
    public void Write_OfADocumentShorterThanAPart_MakesOnePartWhateverIsAsked()
    {
        const string Short = "Cotto is a cheap coffee shop in the riverside area. It is near Zizzi.";
        IReadOnlyList<StudyRow> expected = SelfStudy.Write(TinyBase.Llama, Short, Quick);
        Assert.AreEqual($"{Short}\n\n", expected.Select(row => row.Part).Distinct().Single());
        CollectionAssert.AreEqual(Texts(expected),
            Texts(SelfStudy.Write(TinyBase.Llama, Short, Quick with { TokensPerPart = 100_000 })));
    }

    [TestMethod]
    public void Write_Twice_GivesTheSameRowsBySeed()
    {
        string[] first = Texts(Write(Quick)), second = Texts(Write(Quick));
        string[] other = Texts(Write(Quick with { Seed = 7 }));
        CollectionAssert.AreEqual(first, second);
        CollectionAssert.AreNotEqual(first, other);
    }

    [TestMethod]
    [DataRow("", "\n")]
    [DataRow("Ask : ", "\nReply :")]
    public void Answers_AreThoseOfTheBaseWithThePartInFrontOfTheQuestion(string upToInput, string behindInput)
    {
        SelfStudyOptions options = Quick with { Template = $"{upToInput}{{input}}{behindInput}" };
        StudyRow[] rows = [.. Write(options).Where(row => row.PartNumber == 1)];
        using BaseLease hold = TinyBase.Hold();
        Prefix part = TextPrefix.Read(hold.Base, hold.Base.Tokenizer.Encode(upToInput + rows[0].Part), 64);
        using PrefixTuningTransformer writer = Context.Transforms.Text.GenerateText("Output", "Question",
            TinyBase.Llama, part, new TextGenerationOptions
            {
                Template = "{input}" + behindInput,
                Generation = new GenerationOptions { MaxNewTokens = Quick.MaxAnswerTokens },
            }).Fit(Context.Data.LoadFromEnumerable(rows));
        CollectionAssert.AreEqual(rows.Select(row => row.Answer).ToArray(), Context.Data
            .CreateEnumerable<Written>(writer.Transform(Context.Data.LoadFromEnumerable(rows)), reuseRowObject: false)
            .Select(row => row.Output).ToArray());
    }

    [TestMethod]
    public void Write_WhenCancelled_Ends()
    {
        using var cancellation = new CancellationTokenSource();
        int parts = 0;
        Assert.ThrowsExactly<OperationCanceledException>(() => Write(Quick with
        {
            CancellationToken = cancellation.Token,
            Progress = progress =>
            {
                parts = progress.Parts;
                cancellation.Cancel();
            },
        }));
        Assert.AreEqual(1, parts);
    }

    [TestMethod]
    [DataRow(16, 1, 16)]
    [DataRow(16, 1024, 16)]
    [DataRow(16, 6000, 2)]
    [DataRow(16, 1_000_000, 1)]
    [DataRow(3, 2000, 3)]
    public void Rows_BehindALongText_AreFewTogether(int most, int columns, int expected) =>
        Assert.AreEqual(expected, TextPrefix.RowsTogether(most, columns));

    private static IReadOnlyList<StudyRow> Write(SelfStudyOptions options) =>
        SelfStudy.Write(TinyBase.Llama, StudyDocument.Text, options);

    private static string[] Texts(IReadOnlyList<StudyRow> rows) =>
        [.. rows.Select(row => $"{row.PartNumber} {row.Question} {row.Answer}")];

    private sealed class Written
    {
        public string Output { get; set; } = "";
    }
}
