using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>The divergence from a teacher, its gradient, and training by it.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class DistillationTests
{
    private const int TeacherLength = 9;

    [TestMethod]
    [DataRow(0, 1.0, 300)]
    [DataRow(3, 1.0, 300)]
    [DataRow(40, 1.5, 300)]
    [DataRow(0, 2.5, 200_000)] // 41 tokens a chunk
    [DataRow(3, 2.5, 200_000)]
    public void Measure_OfAToyHead_EqualsAutograd(int topK, double temperature, int vocabulary)
    {
        using var scope = NewDisposeScope();
        const int Tokens = 45;
        using LanguageModel tiny = TinyTraining.Model();
        Tensor head = Random(1, vocabulary, 2);
        LanguageModel model =
            new(tiny.Spec with { Head = new OutputHead(Tied: false, Scale: 0.5) }, new ModelWeights([])
            {
                Embedding = tiny.Weights.Embedding,
                Head = new WideMatrix(head),
                Decoder = tiny.Weights.Decoder,
            });
        Tensor hidden = Random(2, Tokens, 2).requires_grad_(), teacher = Random(3, Tokens, 2);
        Tensor ofTeacher = Exact(teacher), ofStudent = Exact(hidden);
        (Tensor Values, Tensor? Ids) kept = (teacher, null);
        if (topK > 0)
        {
            (Tensor top, Tensor ids) = ofTeacher.topk(topK, Axis.Last);
            kept = (cat([top, 1 - top.exp().sum(1, keepdim: true)], 1).to(ScalarType.Float32), ids);
            (ofTeacher, ofStudent) = (WithRest(ofTeacher, ids), WithRest(ofStudent, ids));
        }
        Tensor expected = (ofTeacher.exp() * (ofTeacher - ofStudent)).sum() * temperature * temperature;
        Tensor wanted = autograd.grad([expected], [hidden])[0], gradient = empty_like(hidden);
        double sum = DistillationLoss.Measure(model, hidden, kept, temperature, gradient);
        // Logarithms of 200,000 probabilities in float32: how a machine adds them moves a token by up to 1e-6.
        Assert.AreEqual(expected.ToDouble(), sum, 1e-5 * Math.Abs(sum) + 1e-6 * Tokens);
        Assert.IsLessThanOrEqualTo(1e-4, (gradient - wanted).abs().max().ToDouble());
        Assert.AreEqual(sum, DistillationLoss.Measure(model, hidden, kept, temperature, null), 1e-9);

        Tensor Exact(Tensor states) =>
            (nn.functional.linear(states.to(ScalarType.Float64) * 0.5,
            head.to(ScalarType.Float64)) / temperature).log_softmax(1);

        static Tensor WithRest(Tensor all, Tensor ids) =>
            cat([all.gather(1, ids),
            all.scatter(1, ids, full_like(ids, double.NegativeInfinity, ScalarType.Float64)).logsumexp(1, true)], 1);
    }

    [TestMethod]
    public void Objective_OfTheWholeVocabulary_IsThatOfWholeDistributions()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingExample[] rows = TinyTraining.Rows(7);
        (double all, float[] ofAll) = Measure(model, Annotated(model, rows, 0, 2));
        (double top, float[] ofTop) = Measure(model, Annotated(model, rows, TinyTraining.Vocabulary, 2));
        (double few, _) = Measure(model, Annotated(model, rows, 2, 2));
        Assert.AreEqual(all, top, 1e-4 * all);
        for (int i = 0; i < ofAll.Length; i++)
            Assert.AreEqual(ofAll[i], ofTop[i], 1e-4);
        // Tokens taken together can only look more alike (data-processing inequality).
        Assert.IsLessThan(all, few);
        Assert.IsGreaterThan(0, few);
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(5)]
    public void Objective_OfTheTeacherItself_IsZero(int topK)
    {
        using LanguageModel model = TinyTraining.Model();
        using var scope = NewDisposeScope();
        using var teacher = new TrainedKeyValues(Teacher(model), CPU);
        TrainingRun run = TinyTraining.Run(model) with { Objective = new DistillationObjective(1, "itself") };
        Assert.AreEqual(0,
            new PrefixPass(run, teacher.Convention)
            .MeanLoss(Annotated(model, TinyTraining.Rows(9), topK, 1), teacher.Materialize(), () => { }), 1e-5);
    }

    [TestMethod]
    [DataRow(0, 1.0)]
    [DataRow(4, 2.0)]
    public void Train_ByATeacher_ComesNearerToIt(int topK, double temperature)
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues student = TinyTraining.Direct(model);
        Trained outcome =
            Trained.By(TinyTraining.Run(model,
            new TrainingOptions { MaxEpochs = 12, BatchSize = 4, WarmupSteps = 2 }) with
            {
                Examples = Annotated(model, TinyTraining.Rows(40), topK, temperature),
                Validation = Annotated(model, TinyTraining.Rows(12, seed: 99), topK, temperature),
                Objective = new DistillationObjective(temperature, "a longer prefix"),
            }, student);
        Assert.IsLessThan(0.5 * outcome.Summary.StartLoss, outcome.Summary.ValidationLosses.Min(point => point.Loss));
    }

    [TestMethod]
    public void Train_OfAStateWithAnotherObjective_IsRefused()
    {
        using LanguageModel model = TinyTraining.Model();
        var state = new MemoryState();
        using (TrainedKeyValues first = TinyTraining.Direct(model))
            Trained.By(TinyTraining.Run(model) with { State = state }, first);
        using TrainedKeyValues second = TinyTraining.Direct(model);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Trained.By(TinyTraining.Run(model) with
            {
                State = state,
                Objective = new DistillationObjective(2, "x")
            }, second));
        StringAssert.Contains(fault.Message, "objective");
        StringAssert.Contains(fault.Message, "distillation at temperature 2 of x");
    }

    [TestMethod]
    public void Objective_OfARowWithoutTeacher_NamesIt()
    {
        using LanguageModel model = TinyTraining.Model();
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => Measure(model, TinyTraining.Rows(1)));
        StringAssert.StartsWith(fault.Message, "Row 1 (the first is 1):");
    }

    private static Prefix Teacher(LanguageModel model) =>
        TinyTraining.Start(model, PrefixStart.Random(0.8), TeacherLength, seed: 5);

    private static List<TrainingExample> Annotated(LanguageModel model, TrainingExample[] rows, int topK,
        double temperature)
    {
        using PrefixTensors teacher = PrefixTensors.Make(Teacher(model), model);
        return new TeacherPass
        {
            Model = model,
            Prefix = teacher.Sites,
            TopK = topK,
            Temperature = temperature,
            BatchSize = 3,
        }.Annotate(rows, rows);
    }

    /// <summary>The base alone as the student.</summary>
    private static (double Sum, float[] Gradient) Measure(LanguageModel model, IReadOnlyList<TrainingExample> rows)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        TargetStates states = TargetStates.Make(model, rows, SitePrefixes.None);
        (double sum, Tensor gradient) = new DistillationObjective(2, "a teacher").WithGradient(model, states, rows);
        return (sum, gradient.data<float>().ToArray());
    }

    private static Tensor Random(int seed, int rows, int columns) =>
        tensor(new SeededRandom(seed, RandomPurpose.Start).Normal((long)rows * columns, 1), [rows, columns]).clone();
}
