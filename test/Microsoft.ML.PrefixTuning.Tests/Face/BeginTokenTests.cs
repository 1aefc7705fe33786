using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// A base whose tokenizer puts a begin token in front of every text: it stands there once, in a prefix made from text
/// or in front of the row, whatever was trained.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class BeginTokenTests
{
    private const string Instruction =
        "name : The Eagle | Type : pub | food : French\nThe Eagle is a pub with French food .\n";

    private static readonly MLContext Context = new(seed: 1);

    // These start from no text, or stand behind the source.
    private static readonly string[] WithoutBegin =
        ["mlp", "embedding only from random", "infix", "infix of a residual mlp", "memory"];

    private static readonly PrefixTuningOptions Untrained = TinyBase.Quick with
    {
        Training = new TrainingOptions { MaxSteps = 1, BatchSize = 4, LearningRate = 1e-30, ValidationFraction = 0 },
    };

    private static TemporaryFolder s_folder = null!;

    public static IEnumerable<object[]> Names => MethodTests.Choices.Keys.Select(name => new object[] { name });

    [ClassInitialize]
    public static void MakeFolder(TestContext _) => s_folder = TinyBase.CopyWithBeginToken();

    [ClassCleanup]
    public static void DeleteFolder() => s_folder.Dispose();

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void Transform_OfEveryChoice_PutsOneBeginTokenInFront(string name)
    {
        using PrefixTuningTransformer model = Fit(TinyBase.Quick with { Prefix = MethodTests.Choices[name] });
        Prefix prefix = model.Prefix!;
        Assert.AreEqual(!WithoutBegin.Contains(name), prefix.Convention.HoldsBeginToken);
        string[] texts = TinyBase.Texts(Context, model, TinyBase.Rows(5));
        CollectionAssert.AreEqual(Alone(prefix, TinyBase.Rows(5)), texts);
        Assert.IsTrue(texts.Any(text => text.Length > 0));
        using var folder = new TemporaryFolder();
        Context.Model.SaveAtomically(model, null, folder["model.zip"]);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        Assert.AreEqual(prefix.Convention, loaded.Prefix!.Convention);
        CollectionAssert.AreEqual(texts, TinyBase.Texts(Context, loaded, TinyBase.Rows(5)));
    }

    [TestMethod]
    [DataRow("Prefix")]
    [DataRow("ResidualMlp")]
    [DataRow("EmbeddingOnly")]
    [DataRow("Text")]
    public void Transform_OfUntrainedText_WritesWhatThePromptDoes(string method)
    {
        var prefix = new PrefixOptions { Length = Tokens(Instruction), Start = PrefixStart.FromText(Instruction) };
        using PrefixTuningTransformer model = Fit(Untrained with
        {
            Prefix = method switch
            {
                "ResidualMlp" => prefix with { Parametrization = Parametrization.ResidualMlp(16) },
                "EmbeddingOnly" => prefix with { Method = PrefixMethod.EmbeddingOnly },
                "Text" => prefix with { Method = PrefixMethod.Text },
                _ => prefix,
            },
            Training = method == "Text" ? Untrained.Training with { LearningRate = null } : Untrained.Training,
        });
        using PrefixTuningTransformer prompted =
            Context.Transforms.Text.GenerateText("Output", "Input", Base(), options: new TextGenerationOptions
            {
                Template = Instruction + "{input}\n",
                Generation = TinyBase.Quick.Generation,
            }).Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
        string[] texts = TinyBase.Texts(Context, model, TinyBase.Rows(5));
        CollectionAssert.AreEqual(TinyBase.Texts(Context, prompted, TinyBase.Rows(5)), texts);
        Assert.IsTrue(texts.Any(text => text.Length > 0));
    }

    [TestMethod]
    public void Fit_OfTriggerWords_LeavesTheBeginTokenInFront()
    {
        using PrefixTuningTransformer model = Fit(TinyBase.Quick with
        {
            Prefix = new PrefixOptions { Length = 3, Method = PrefixMethod.TriggerWords(candidates: 4, steps: 8) },
            Training = new TrainingOptions { MaxEpochs = 10, BatchSize = 4, ValidationFraction = 0 },
        });
        Assert.HasCount(2, model.TrainingSummary!.TriggerWords!);
        Assert.HasCount(8, model.TrainingSummary.Losses);
        using BaseLease hold = Hold();
        Prefix begin = PrefixInitializer.Make(new StartRequest
        {
            Model = hold.Base.Model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = 1,
            Convention = model.Prefix!.Convention,
            Opening = hold.Base.Tokenizer.Prologue,
        });
        // What stands in front reads nothing behind it.
        float[] found = model.Prefix.WithoutLast(2).Parts[AttentionSite.Decoder].Values,
            expected = begin.Parts[AttentionSite.Decoder].Values;
        Assert.IsLessThan(1e-5f, found.Zip(expected, (value, other) => float.Abs(value - other)).Max());
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void DistillPrefix_OfAnInstruction_ComesNearerToIt(bool fromPrefix)
    {
        using PrefixTuningTransformer longer =
            Fit(Untrained with { Prefix = new PrefixOptions { Length = 9, Start = PrefixStart.Random(0.5) } });
        PrefixTeacher teacher = fromPrefix ? PrefixTeacher.FromPrefix(longer.Prefix!)
            : PrefixTeacher.FromText(Instruction);
        using PrefixTuningTransformer model =
            Context.Transforms.Text.DistillPrefix("Output", "Input", Base(), teacher, new DistillationOptions
            {
                Student = TinyBase.Quick with
                {
                    Training = new TrainingOptions
                    {
                        MaxSteps = 30,
                        MaxEpochs = 20,
                        BatchSize = 4
                    }
                },
                Continuations = new GenerationOptions { MaxNewTokens = 10 },
            }).Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(24)));
        TrainingSummary summary = model.TrainingSummary!;
        Assert.AreEqual(!fromPrefix, model.Prefix!.Convention.HoldsBeginToken);
        Assert.AreEqual(fromPrefix ? 9 : Tokens(Instruction), summary.Distillation!.TeacherTokens);
        Assert.IsLessThan(0.9 * summary.StartLoss, summary.BestLoss!.Value);
        CollectionAssert.AreEqual(Alone(model.Prefix, TinyBase.Rows(5)),
            TinyBase.Texts(Context, model, TinyBase.Rows(5)));
    }

    [TestMethod]
    [DataRow(false, false)]
    [DataRow(false, true)]
    [DataRow(true, false)]
    [DataRow(true, true)]
    public void Annotate_OfEachTeacherAndStudent_ReadsOneBeginToken(bool heldByTeacher, bool heldByStudent)
    {
        using BaseLease hold = Hold();
        FrozenBase frozen = hold.Base;
        int[] prologue = [.. frozen.Tokenizer.Prologue];
        using PrefixTuningTransformer longer =
            Fit(Untrained with { Prefix = new PrefixOptions { Length = 9, Start = PrefixStart.Random(0.5) } });
        PrefixTeacher given = heldByTeacher ? PrefixTeacher.FromText(Instruction)
            : PrefixTeacher.FromPrefix(longer.Prefix!);
        DistillationTeacher teacher =
            DistillationTeacher.Make(frozen, given, new DistillationOptions { Student = TinyBase.Quick });
        TrainingExample[] rows = [.. TinyBase.Rows(5).Select(row => new TrainingExample(
            [.. heldByStudent ? [] : prologue, .. frozen.Tokenizer.Encode(row.Input + "\n")],
            frozen.Tokenizer.Encode(row.Label))
        { Opening = heldByStudent ? 0 : prologue.Length })];

        List<TrainingExample> annotated = teacher.Annotate(rows, () => { });

        Assert.AreEqual(heldByTeacher, teacher.Prefix!.Convention.HoldsBeginToken);
        using PrefixTensors tensors = PrefixTensors.Make(teacher.Prefix, frozen.Model);
        for (int row = 0; row < rows.Length; row++)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            int[] bare = heldByStudent ? rows[row].Source : rows[row].Source[prologue.Length..];
            TrainingExample whole = rows[row] with { Source = [.. heldByTeacher ? [] : prologue, .. bare] };
            Tensor hidden = TargetStates.Make(frozen.Model, [whole], tensors.Sites).Hidden;
            Tensor found = tensor(annotated[row].Teacher!.Values, hidden.shape);
            Assert.IsLessThanOrEqualTo(1e-4, (frozen.Model.Logits(hidden) - frozen.Model.Logits(found)).abs().max()
                .ToDouble(), $"row {row}");
        }
    }

    private static BaseModel Base() => BaseModel.FromFolder(s_folder.Path);

    private static BaseLease Hold() => FrozenBase.Acquire(s_folder.Path, float32, CPU);

    private static PrefixTuningTransformer Fit(PrefixTuningOptions options) =>
        TinyBase.Fit(Context, options, baseModel: Base());

    /// <summary>Tokens of a text with the begin token.</summary>
    private static int Tokens(string text)
    {
        using BaseLease hold = Hold();
        return hold.Base.Tokenizer.Prologue.Count + hold.Base.Tokenizer.EncodeTemplate(text).Length;
    }

    /// <summary>The texts that the generator writes for one row after the other, their ids put together here.</summary>
    private static string[] Alone(Prefix prefix, IEnumerable<FaceRow> rows)
    {
        using BaseLease hold = Hold();
        LanguageModel model = hold.Base.Model;
        PretrainedTokenizer tokenizer = hold.Base.Tokenizer;
        using var noGradient = no_grad();
        using PrefixTensors tensors = PrefixTensors.Make(prefix, model);
        using var generator =
            new BatchWriter(model, new GenerationRules { MaxNewTokens = 12, EndIds = model.Spec.Tokens.Ends });
        return [.. rows.Select(row =>
        {
            int[] source =
                [.. prefix.Convention.HoldsBeginToken ? [] : tokenizer.Prologue, .. tokenizer.Encode(row.Input + "\n")];
            GeneratedSequence written = generator.Generate([new GenerationPrompt(source, tensors)])[0][0];
            return tokenizer.Decode([.. written.Ids.TakeWhile(id => !model.Spec.Tokens.Ends.Contains(id))]);
        })];
    }
}
