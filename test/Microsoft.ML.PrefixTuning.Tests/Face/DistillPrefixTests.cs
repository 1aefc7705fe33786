using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A long context distilled into a short prefix, through the face.</summary>
[TestClass]
public sealed class DistillPrefixTests
{
    private const string Instruction =
        "name : The Eagle | Type : pub | food : French\nThe Eagle is a pub with French food .\nname : Aromi | Type :"
            + " restaurant | food : Chinese\nAromi is a restaurant with Chinese food .\n";

    private static readonly MLContext Context = new(seed: 1);

    private static DistillationOptions Quick { get; } = new()
    {
        Student = new PrefixTuningOptions
        {
            Prefix = new PrefixOptions { Length = 4 },
            Training = new TrainingOptions { MaxSteps = 40, MaxEpochs = 20, BatchSize = 4, ValidationFraction = 0.25 },
            Generation = new GenerationOptions { MaxNewTokens = 12 },
        },
        Continuations = new GenerationOptions { MaxNewTokens = 10 },
    };

    public static IEnumerable<object[]> Bad =>
    [
        [Quick with { Temperature = 0 }, "Temperature: expected 0.001 to 1000, found 0."],
        [Quick with { TopK = -1 }, "TopK: expected 0 or more, found -1."],
        [Quick with { ContinuationColumnName = "" },
            "ContinuationColumnName: expected a column name, or null, found an empty text."],
        [Quick with { Continuations = new() { ErrorColumnName = "Error" } },
            "Continuations.ErrorColumnName: expected null, found 'Error'."],
        [Quick with { Continuations = new() { Decoding = Decoding.Beam(), SequenceCount = 2 } },
            "Continuations.SequenceCount: expected 1, found 2."],
        [Quick with { Continuations = new() { MaxNewTokens = 0 } },
            "Continuations.MaxNewTokens: expected 1 or more, found 0."],
        [Quick with { Student = new() { Prefix = new() { Length = 0 } } },
            "Student.Prefix.Length: expected 1 or more, found 0."],
        [Quick with { Student = new() { Training = new() { LabelSmoothing = 0.1 } } },
            "Student.Training.LabelSmoothing: expected 0, since nothing is labelled, found 0.1."],
        [Quick with { Student = new() { AttributeColumnName = "Tone" } },
            "Student.AttributeColumnName: expected null, since all rows have one teacher, found 'Tone'."],
        [Quick with { Student = new() { Prefix = new() { Method = PrefixMethod.Text } } },
            "Student.Prefix.Method: expected a method that learns, found Text."],
        [Quick with { Continuations = new() { Truncation = PromptTruncation.Start } },
            "Continuations.Truncation: expected None, as Student.Training.Truncation, found Start."],
        [Quick with { Student = null! }, "Student: expected a value, found null."],
    ];

    [TestMethod]
    [DynamicData(nameof(Bad))]
    public void DistillPrefix_OfBadOption_NamesIt(DistillationOptions options, string message)
    {
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Estimator(options));
        StringAssert.Contains(fault.Message, message);
    }

    [TestMethod]
    public void FromText_OfNoTextOrAPlaceholder_IsRefused()
    {
        Assert.ThrowsExactly<ArgumentException>(() => PrefixTeacher.FromText(""));
        StringAssert.Contains(Assert.ThrowsExactly<ArgumentException>(() =>
            PrefixTeacher.FromText("Say {input}.")).Message, "{input}");
    }

    [TestMethod]
    [DataRow(0, 1.0)]
    [DataRow(8, 2.0)]
    public void Fit_OfAnInstruction_ComesNearerToIt(int topK, double temperature)
    {
        using PrefixTuningTransformer model = Fit(Quick with { TopK = topK, Temperature = temperature });
        TrainingSummary summary = model.TrainingSummary!;
        Assert.IsLessThan(0.9 * summary.StartLoss, summary.BestLoss!.Value);
        Assert.AreEqual(new DistillationSummary(Tokens(Instruction), 4, temperature, topK), summary.Distillation);
        Assert.AreEqual(Tokens(Instruction) - 4, summary.Distillation!.SavedTokens);
        Assert.AreEqual(4, model.Prefix!.Length);
        Assert.AreEqual(18, summary.TrainingRows);
    }

    /// <summary>The library's own choices (a start from the teacher, rows that the teacher writes) are none.</summary>
    [TestMethod]
    [DataRow(null)]
    [DataRow("Label")]
    public void Fit_OfAnInstruction_TellsTheOptionsThatTheCallerChose(string? column)
    {
        using PrefixTuningTransformer model = Fit(Quick with
        {
            ContinuationColumnName = column,
            Student = Quick.Student with { Training = Quick.Student.Training with { MaxSteps = 2 } },
        });
        string[] expected =
        [
            "Student.Prefix.Length = 4, not 20", "Student.Training.MaxSteps = 2, not none",
            "Student.Training.MaxEpochs = 20, not 5", "Student.Training.BatchSize = 4, not 8",
            "Student.Training.ValidationFraction = 0.25, not 0.05", "Student.Generation.MaxNewTokens = 12, not none",
            "Continuations.MaxNewTokens = 10, not none",
            .. column is null ? Array.Empty<string>() : ["ContinuationColumnName = 'Label', not none"],
        ];
        CollectionAssert.AreEquivalent(expected, model.TrainingSummary!.Origin!.Changed
            .Select(one => $"{one.Name} = {one.Value}, not {one.Default}").ToArray());
    }

    [TestMethod]
    public void Fit_OfAnEncoderDecoderBase_ComesNearerToTheInstruction()
    {
        using PrefixTuningTransformer model = Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.T5,
            PrefixTeacher.FromText(Instruction), Quick).Fit(Rows());
        Assert.IsLessThan(0.9 * model.TrainingSummary!.StartLoss, model.TrainingSummary.BestLoss!.Value);
        Assert.IsGreaterThan(4, model.TrainingSummary.Distillation!.TeacherTokens);
    }

    [TestMethod]
    public void Fit_OfAPrefixAndGivenContinuations_StartsAsItsFirstTokens()
    {
        using PrefixTuningTransformer longer =
            TinyBase.Fit(Context, TinyBase.Quick with { Prefix = new PrefixOptions { Length = 9 } });
        var options = Quick with
        {
            ContinuationColumnName = "Label",
            Student = Quick.Student with { Training = Quick.Student.Training with { LearningRate = 1e-30 } }
        };
        using PrefixTuningTransformer model = Context.Transforms.Text
            .DistillPrefix("Output", "Input", TinyBase.Llama, PrefixTeacher.FromPrefix(longer.Prefix!), options)
                .Fit(Rows());
        SitePrefix teacher = longer.Prefix!.Part(AttentionSite.Decoder)!,
            student = model.Prefix!.Part(AttentionSite.Decoder)!;
        int whole = teacher.Length * teacher.HeadSize, kept = 4 * teacher.HeadSize;
        for (int i = 0; i < student.Values.Length; i++)
            Assert.AreEqual(teacher.Values[i / kept * whole + i % kept], student.Values[i], 1e-6f);
        Assert.AreEqual(9, model.TrainingSummary!.Distillation!.TeacherTokens);
    }

    public static IEnumerable<object[]> Students =>
    [
        [PrefixMethod.Prefix, new PrefixOptions { Method = PrefixMethod.Prefix }, true],
        [PrefixMethod.Prefix, new PrefixOptions { Parametrization = Parametrization.ResidualMlp(8) }, true],
        [PrefixMethod.Prefix, new PrefixOptions { Parametrization = Parametrization.Mlp(8) }, false],
        [PrefixMethod.Prefix, new PrefixOptions { Method = PrefixMethod.EmbeddingOnly }, false],
        [PrefixMethod.Prefix, new PrefixOptions { Method = PrefixMethod.TriggerWords(4, 5) }, false],
        [PrefixMethod.Prefix, new PrefixOptions { Method = PrefixMethod.Infix }, false],
        [PrefixMethod.Infix, new PrefixOptions { Method = PrefixMethod.Infix }, true],
        [PrefixMethod.Infix, new PrefixOptions { Method = PrefixMethod.Prefix }, false],
    ];

    [TestMethod]
    [DynamicData(nameof(Students))]
    public void Fit_OfAPrefix_TrainsTheStudentThatWasAskedFor(PrefixMethod teacher, PrefixOptions student,
        bool startsAsTeacher)
    {
        using PrefixTuningTransformer longer =
            TinyBase.Fit(Context, TinyBase.Quick with { Prefix = new PrefixOptions { Method = teacher, Length = 9 } });
        var options = Quick with { Student = Quick.Student with { Prefix = student with { Length = 4 } } };
        PrefixTeacher given = PrefixTeacher.FromPrefix(longer.Prefix!);
        using (BaseLease hold = TinyBase.Hold())
            Assert.AreEqual(startsAsTeacher, DistillationTeacher.Make(hold.Base, given, options)
                .Student().Prefix.Start is PrefixValuesStart);
        using PrefixTuningTransformer model =
            Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama, given, options).Fit(Rows());
        Assert.AreEqual(student.Method is InfixMethod, model.Prefix!.IsInfix);
        Assert.AreEqual(4, model.Prefix.Length);
        Assert.IsLessThanOrEqualTo(model.TrainingSummary!.StartLoss, model.TrainingSummary.BestLoss!.Value);
        Assert.IsTrue(model.Prefix.Part(AttentionSite.Decoder)!.Values.Any(value => value != 0));
    }

    [TestMethod]
    public void Teacher_AsAPrefix_SaysWhatTheTextInFrontSays()
    {
        using BaseLease hold = TinyBase.Hold();
        FrozenBase frozen = hold.Base;
        int[] prologue = [.. frozen.Tokenizer.Prologue], instruction = frozen.Tokenizer.EncodeTemplate(Instruction);
        TrainingExample[] rows = [.. TinyBase.Rows(5).Select(row =>
            new TrainingExample(frozen.Tokenizer.Encode(row.Input + "\n"), frozen.Tokenizer.Encode(row.Label)))];
        DistillationTeacher teacher = DistillationTeacher.Make(frozen, PrefixTeacher.FromText(Instruction),
            Quick with { Student = Quick.Student with { Training = new() { BatchSize = 2 } } });
        List<TrainingExample> annotated = teacher.Annotate(rows, () => { });
        Assert.IsNotNull(teacher.Prefix);
        for (int row = 0; row < rows.Length; row++)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            TrainingExample whole = rows[row] with { Source = [.. prologue, .. instruction, .. rows[row].Source] };
            Tensor hidden = TargetStates.Make(frozen.Model, [whole], SitePrefixes.None).Hidden;
            Tensor found = tensor(annotated[row].Teacher!.Values, hidden.shape);
            Assert.IsLessThanOrEqualTo(1e-4, (frozen.Model.Logits(hidden) - frozen.Model.Logits(found)).abs().max()
                .ToDouble(), $"row {row}");
        }
    }

    [TestMethod]
    public void Model_SavedAndLoaded_WritesTheSame()
    {
        using var folder = new TemporaryFolder();
        string path = folder["model.zip"];
        using PrefixTuningTransformer model = Fit(Quick);
        Context.Model.Save(model, null, path);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(path, out _);
        CollectionAssert.AreEqual(TinyBase.Texts(Context, model, TinyBase.Rows(6)),
            TinyBase.Texts(Context, loaded, TinyBase.Rows(6)));
        Assert.AreEqual(model.TrainingSummary!.Distillation, loaded.TrainingSummary!.Distillation);
    }

    [TestMethod]
    public void Fit_Twice_GivesTheSamePrefix()
    {
        using PrefixTuningTransformer first = Fit(Quick), second = Fit(Quick);
        CollectionAssert.AreEqual(first.Prefix!.Part(AttentionSite.Decoder)!.Values,
            second.Prefix!.Part(AttentionSite.Decoder)!.Values);
    }

    [TestMethod]
    public void Fit_WithAValidationSet_LetsTheTeacherWriteItToo()
    {
        var validation = Context.Data.LoadFromEnumerable(TinyBase.Rows(30).Skip(24));
        using PrefixTuningTransformer model =
            Fit(Quick with { Student = Quick.Student with { ValidationSet = validation } });
        Assert.AreEqual(6, model.TrainingSummary!.ValidationRows);
        Assert.AreEqual(24, model.TrainingSummary.TrainingRows);
        Assert.IsLessThan(model.TrainingSummary.StartLoss, model.TrainingSummary.BestLoss!.Value);
    }

    [TestMethod]
    public void Fit_OfAStudentAsLongAsTheTeacher_IsRefused()
    {
        int length = Tokens(Instruction);
        var options = Quick with { Student = Quick.Student with { Prefix = new PrefixOptions { Length = length } } };
        var fault = Assert.ThrowsExactly<ArgumentException>(() => Fit(options));
        StringAssert.Contains(fault.Message,
            $"Student.Prefix.Length: expected fewer tokens than the teacher's {length}, found {length}.");
    }

    [TestMethod]
    public void Fit_OfAnotherBasesPrefix_IsRefused()
    {
        using PrefixTuningTransformer other =
            Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, TinyBase.Quick).Fit(Rows());
        var estimator = Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama,
            PrefixTeacher.FromPrefix(other.Prefix!), Quick);
        Assert.ThrowsExactly<InvalidOperationException>(() => estimator.Fit(Rows()));
    }

    [TestMethod]
    public void Fit_OfMissingColumns_NamesThem()
    {
        Assert.Contains("'Nowhere'", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Estimator(Quick with { ContinuationColumnName = "Nowhere" }).Fit(Rows())).Message);
        Assert.Contains("'Nothing'", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Context.Transforms.Text.DistillPrefix("Output", "Nothing", TinyBase.Llama,
                PrefixTeacher.FromText(Instruction), Quick).Fit(Rows())).Message);
    }

    private static PrefixDistillationEstimator Estimator(DistillationOptions options) =>
        Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama, PrefixTeacher.FromText(Instruction),
            options);

    private static PrefixTuningTransformer Fit(DistillationOptions options) => Estimator(options).Fit(Rows());

    private static IDataView Rows() => Context.Data.LoadFromEnumerable(TinyBase.Rows(24));

    private static int Tokens(string text)
    {
        using BaseLease hold = TinyBase.Hold();
        return hold.Base.Tokenizer.EncodeTemplate(text).Length + hold.Base.Tokenizer.Prologue.Count;
    }
}
