using System;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Tests.Face;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>Option records in use: put where they belong, trained with for a step, saved and described.</summary>
internal static class OptionTrial
{
    // Longer than the prefix that takes its place.
    private const string Instruction =
        "Say in one short sentence what kind of place it is, what its name is and which food can be had there.\n";

    private static readonly MLContext Context = new(seed: 1);

    /// <summary>Rows with a column of tones.</summary>
    public static IDataView View(int count = 12) => Context.Data.LoadFromEnumerable(
        TinyBase.Rows(count).Select((row, i) =>
            new ToneRow { Input = row.Input, Label = row.Label, Tone = i % 2 == 0 ? "calm" : "loud" }));

    /// <summary>A prefix of the tiny base that nothing else has.</summary>
    public static Prefix SomePrefix()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, new PrefixTuningOptions
        {
            Prefix = new PrefixOptions { Length = 5, Start = PrefixStart.Random(0.3) },
            Training = new TrainingOptions { MaxSteps = 1, BatchSize = 2 },
        });
        return model.Prefix!;
    }

    /// <summary>Options of a training in which a record stands where it belongs.</summary>
    public static PrefixTuningOptions Put(object record) => record switch
    {
        PrefixTuningOptions all => all,
        PrefixOptions prefix => new() { Prefix = prefix },
        PrefixMethod method => Put(new PrefixOptions { Method = method }),
        Parametrization parametrization => Put(new PrefixOptions { Parametrization = parametrization }),
        PrefixStart start => Put(new PrefixOptions { Start = start }),
        TrainingOptions training => new() { Training = training },
        EarlyStopping stopping => Put(new TrainingOptions { EarlyStopping = stopping }),
        GenerationOptions generation => new() { Generation = generation },
        Decoding decoding => Put(new GenerationOptions { Decoding = decoding }),
        _ => throw new ArgumentException($"{record.GetType().Name} has no place in the options of a training."),
    };

    /// <summary>The record of a type that stands in others.</summary>
    public static object Find(object root, Type record) => root.GetType() == record ? root : root switch
    {
        DistillationOptions distillation => Find(distillation.Student, record),
        TextGenerationOptions use => Find(use.Generation, record),
        PrefixTuningOptions all => Find(Part(all, record), record),
        PrefixOptions prefix => Find(Part(prefix, record), record),
        TrainingOptions { EarlyStopping: { } stopping } => Find(stopping, record),
        GenerationOptions generation => Find(generation.Decoding, record),
        _ => throw new ArgumentException($"Found {root.GetType().Name} where {record.Name} was looked for."),
    };

    /// <summary>What identifies a training of one step that keeps its state, as text.</summary>
    /// <param name="record">The record that is tried.</param>
    /// <param name="state">Path of a file that is not there.</param>
    /// <param name="baseModel">The base.</param>
    public static string Signature(object record, string state, BaseModel baseModel)
    {
        TransformsCatalog.TextTransforms catalog = Context.Transforms.Text;
        IEstimator<PrefixTuningTransformer> estimator = record is DistillationOptions distillation
            ? catalog.DistillPrefix("Output", "Input", baseModel, PrefixTeacher.FromText(Instruction),
                distillation with
                {
                    Student = Short(distillation.Student, state),
                    Continuations = distillation.Continuations with
                    {
                        MaxNewTokens = distillation.Continuations.MaxNewTokens ?? 6,
                    },
                })
            : catalog.PrefixTune("Output", "Input", "Label", baseModel, Short(Put(record), state));
        estimator.Fit(View()).Dispose();
        using var json = JsonDocument.Parse(new TrainingStateFile(state).Read()!.Json);
        return json.RootElement.GetProperty("Signature").ToString();
    }

    private static object Part(PrefixTuningOptions all, Type record) =>
        record == typeof(TrainingOptions) || record == typeof(EarlyStopping) ? all.Training
        : record == typeof(GenerationOptions) || record.IsSubclassOf(typeof(Decoding)) ? all.Generation : all.Prefix;

    private static object Part(PrefixOptions prefix, Type record) =>
        record.IsSubclassOf(typeof(PrefixMethod)) ? prefix.Method
        : record.IsSubclassOf(typeof(PrefixStart)) ? prefix.Start : prefix.Parametrization;

    // One step, unless the number of steps is what is tried.
    private static PrefixTuningOptions Short(PrefixTuningOptions options, string state)
    {
        TrainingOptions training = options.Training;
        return options with
        {
            Training = training with
            {
                MaxSteps = training.MaxSteps ?? 1,
                Seed = training.Seed ?? 3,
                StateFile = state,
            },
        };
    }
}
