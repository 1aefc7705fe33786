using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// A long document distilled into a short prefix on SmolLM2, by rows that the base writes about its parts: on rows that
/// no training saw, the divergence from the base with the whole document and with the row's own part in front, and the
/// loss of the answers.
/// </summary>
internal static class DocumentBenchmark
{
    private const int HeldOutSeed = 2;

    private static readonly BaseModel Base = BaseModel.FromGguf(TrainBenchmark.BasePath);

    /// <summary>Writes, distils and prints.</summary>
    /// <param name="arguments">The document, then <c>name=value</c> of <see cref="DocumentSettings"/>.</param>
    public static void Measure(string[] arguments)
    {
        DocumentSettings settings = DocumentSettings.Read(arguments[1..]);
        string document = File.ReadAllText(arguments[0]).ReplaceLineEndings("\n").TrimEnd() + "\n\n";
        var watch = Stopwatch.StartNew();
        IReadOnlyList<StudyRow> rows = Write(document, settings, seed: 1, settings.Questions);
        HashSet<string> asked = [.. rows.Select(row => row.Question)];
        StudyRow[] heldOut = [.. Write(document, settings, HeldOutSeed, settings.HeldOut)
            .Where(row => !asked.Contains(row.Question))];
        TimeSpan written = watch.Elapsed;
        Console.WriteLine($"{rows.Count} rows to train on and {heldOut.Length} held out about"
            + $" {rows.Max(row => row.PartNumber) + 1} parts, written in {written.TotalSeconds:F0} s");
        foreach (StudyRow row in rows.Take(3))
            Console.WriteLine($"  {row.Question} | {row.Answer.ReplaceLineEndings(" ")}");
        Prefix student = Distil(document, rows, settings);
        Console.WriteLine($"all in {watch.Elapsed.TotalMinutes:F1} minutes,"
            + $" peak memory {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:F2} GB");
        Compare(document, student, heldOut, settings);
        Console.WriteLine($"measured in {watch.Elapsed.TotalMinutes:F1} minutes in all,"
            + $" peak memory {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:F2} GB");
    }

    private static IReadOnlyList<StudyRow> Write(string document, DocumentSettings settings, int seed, int questions) =>
        SelfStudy.Write(Base, document, new SelfStudyOptions
        {
            TokensPerPart = settings.Part,
            QuestionsPerPart = questions,
            MaxAnswerTokens = settings.Answer,
            Seed = seed,
            Template = Base.OpenChatTemplate(),
            Precision = settings.Precision,
        });

    private static Prefix Distil(string document, IReadOnlyList<StudyRow> rows, DocumentSettings settings)
    {
        var mlContext = new MLContext(seed: 1);
        var watch = Stopwatch.StartNew();
        PrefixTeacher teacher = settings.IsWhole ? PrefixTeacher.FromText(document)
            : PrefixTeacher.FromColumn(nameof(StudyRow.Part));
        using PrefixTuningTransformer model = mlContext.Transforms.Text.DistillPrefix("Reply",
            nameof(StudyRow.Question), Base, teacher, new DistillationOptions
            {
                ContinuationColumnName = nameof(StudyRow.Answer),
                Student = new PrefixTuningOptions
                {
                    Template = Base.OpenChatTemplate(),
                    Precision = settings.Precision,
                    Prefix = new PrefixOptions { Length = settings.Length, Start = PrefixStart.FromText(document) },
                    Training = new TrainingOptions
                    {
                        MaxEpochs = settings.Epochs,
                        Seed = 1,
                        Progress = ObjectiveMean.Report,
                    },
                },
            }).Fit(mlContext.Data.LoadFromEnumerable(rows));
        TrainingSummary summary = model.TrainingSummary!;
        Console.WriteLine($"distilled in {watch.Elapsed.TotalSeconds:F0} s, {summary.Losses.Count} steps,"
            + $" {summary.TokensPerSecond:F0} tokens/s, teacher of up to {summary.Distillation!.TeacherTokens}"
            + " tokens");
        return model.Prefix!;
    }

    private static void Compare(string document, Prefix student, StudyRow[] rows, DocumentSettings settings)
    {
        using BaseLease lease = FrozenBase.Acquire(Base.Path, ScalarType.Float32, CPU);
        FrozenBase frozen = lease.Base;
        var encoder = new RowEncoder(frozen.Tokenizer, frozen.Model.Spec, Base.OpenChatTemplate(), "Question", default);
        TrainingExample[] examples = [.. rows.Select(row => Example(encoder, row))];
        // Behind a text in front of their input, and behind one in front of all.
        TrainingExample[] asked = [.. examples.Select((row, i) => row with
        {
            Source = encoder.BehindContext(rows[i].Question),
        })];
        int[] ids = frozen.Tokenizer.Encode(document);
        Console.WriteLine($"the document has {ids.Length} tokens: {ids.Length - student.Length} saved a row");
        var parts = rows.Select(row => row.Part).Distinct().ToDictionary(part => part, Read);
        Prefix?[] own = [.. rows.Select(row => parts[row.Part])];
        int window = frozen.Model.Spec.ContextLength - examples.Max(row => row.Tokens) - 1;
        string truncated = frozen.Tokenizer.Decode(ids[..Math.Min(ids.Length, window)]);
        bool fits = ids.Length <= window;
        Prefix first = Read(truncated);
        TrainingExample[] byPart = Annotated(frozen.Model, examples, asked, own);
        TrainingExample[]? byWhole =
            fits ? Annotated(frozen.Model, examples, asked, Same(first, rows.Length)) : null;
        var fronts = new List<(string Name, int Tokens, Prefix?[] Prefixes, bool IsInside)>
        {
            (fits ? "the whole document" : "the document's beginning, as far as the window holds it", first.Length,
                Same(first, rows.Length), true),
            ("the row's own part (the longest)", parts.Values.Max(part => part.Length), own, true),
            ("the prefix", student.Length, Same(student, rows.Length), false),
            ("as many first tokens of the document", student.Length,
                Same(Read(frozen.Tokenizer.Decode(ids[..student.Length])), rows.Length), true),
            ("the base alone", 0, Same(null, rows.Length), false),
        };
        Console.WriteLine("| in front of a row | tokens | divergence from the whole | from the row's part | loss of the"
            + " answers |");
        Console.WriteLine("|---|---:|---:|---:|---:|");
        var divergence = new DistillationObjective(1, "the benchmark");
        var crossEntropy = new CrossEntropyObjective(0);
        foreach ((string name, int tokens, Prefix?[] prefixes, bool isInside) in fronts)
        {
            string ofWhole = byWhole is null ? ""
                : $"{Mean(frozen.Model, divergence, Placed(byWhole, isInside), prefixes):F3}";
            Console.WriteLine($"| {name} | {tokens} | {ofWhole}"
                + $" | {Mean(frozen.Model, divergence, Placed(byPart, isInside), prefixes):F3}"
                + $" | {Mean(frozen.Model, crossEntropy, Placed(examples, isInside), prefixes):F3} |");
        }

        Prefix Read(string text) =>
            TextPrefix.Read(frozen, encoder.Context(text, out _, out _), TrainingOptions.DefaultTokensPerPass);

        TrainingExample[] Placed(TrainingExample[] all, bool isInside) =>
            isInside ? [.. all.Zip(asked, (row, own) => row with { Source = own.Source })] : all;
    }

    private static TrainingExample Example(RowEncoder encoder, StudyRow row)
    {
        int[] target = encoder.Target(row.Answer, out _, out _);
        EncodedPrompt prompt = encoder.Prompt(InputRow.Request(row.Question), target.Length, PromptTruncation.None);
        return new TrainingExample(prompt.Ids, target);
    }

    private static Prefix?[] Same(Prefix? prefix, int count) => [.. Enumerable.Repeat(prefix, count)];

    private static TrainingExample[] Annotated(LanguageModel model, TrainingExample[] rows, TrainingExample[] asked,
        Prefix?[] prefixes)
    {
        var annotated = new TrainingExample[rows.Length];
        foreach (IGrouping<Prefix?, int> places in Enumerable.Range(0, rows.Length)
            .GroupBy(place => prefixes[place]))
        {
            using PrefixTensors? tensors = places.Key is null ? null : PrefixTensors.Make(places.Key, model);
            List<TrainingExample> found = new TeacherPass
            {
                Model = model,
                Prefix = tensors?.Sites ?? SitePrefixes.None,
                TopK = 0,
                Temperature = 1,
                BatchSize = 8,
            }.Annotate([.. places.Select(place => rows[place])], [.. places.Select(place => asked[place])]);
            foreach ((int place, TrainingExample row) in places.Zip(found))
                annotated[place] = row;
        }
        return annotated;
    }

    /// <summary>The mean over all target tokens, each row behind its prefix.</summary>
    private static double Mean(LanguageModel model, ITrainingObjective objective, TrainingExample[] rows,
        Prefix?[] prefixes)
    {
        double sum = 0;
        foreach (IGrouping<Prefix?, int> places in Enumerable.Range(0, rows.Length)
            .GroupBy(place => prefixes[place]))
        {
            sum += ObjectiveMean.Sum(model, objective, [.. places.Select(place => rows[place])], places.Key);
        }
        return sum / rows.Sum(row => row.Target.Length);
    }
}

/// <summary>What can be chosen in <see cref="DocumentBenchmark"/>.</summary>
internal sealed record DocumentSettings
{
    private static readonly string[] Names =
        ["length", "part", "questions", "heldout", "answer", "epochs", "precision", "teacher"];

    /// <summary>Tokens of the student.</summary>
    public int Length { get; private init; } = 128;

    /// <summary>Tokens of a part.</summary>
    public int Part { get; private init; } = 512;

    /// <summary>Questions to train on, a part.</summary>
    public int Questions { get; private init; } = 24;

    /// <summary>Questions held out, a part.</summary>
    public int HeldOut { get; private init; } = 4;

    /// <summary>Tokens of an answer, at most.</summary>
    public int Answer { get; private init; } = 64;

    /// <summary>Epochs.</summary>
    public int Epochs { get; private init; } = 8;

    /// <summary>Precision of writing and training; what is measured is measured in float32.</summary>
    public ModelPrecision Precision { get; private init; } = ModelPrecision.Float32;

    /// <summary>Whether the whole document teaches, and not the row's own part.</summary>
    public bool IsWhole { get; private init; }

    /// <summary>Reads <c>name=value</c>.</summary>
    public static DocumentSettings Read(IEnumerable<string> arguments) =>
        arguments.Aggregate(new DocumentSettings(), (settings, argument) => settings.With(argument));

    private DocumentSettings With(string argument) => argument.Split('=', 2) switch
    {
        ["length", var value] => this with { Length = Number(value) },
        ["part", var value] => this with { Part = Number(value) },
        ["questions", var value] => this with { Questions = Number(value) },
        ["heldout", var value] => this with { HeldOut = Number(value) },
        ["answer", var value] => this with { Answer = Number(value) },
        ["epochs", var value] => this with { Epochs = Number(value) },
        ["precision", var value] => this with { Precision = Enum.Parse<ModelPrecision>(value, ignoreCase: true) },
        ["teacher", "part"] => this with { IsWhole = false },
        ["teacher", "whole"] => this with { IsWhole = true },
        _ => throw new ArgumentException(
            $"Expected name=value with one of the names {string.Join(", ", Names)}; found {argument}."),
    };

    private static int Number(string value) => int.Parse(value, CultureInfo.InvariantCulture);
}
