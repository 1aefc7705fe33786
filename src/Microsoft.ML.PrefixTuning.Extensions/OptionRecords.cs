using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>The records of options that a section can be.</summary>
internal static class OptionRecords
{
    /// <summary>Their types.</summary>
    public static IReadOnlySet<Type> All { get; } = new HashSet<Type>
    {
        typeof(PrefixTuningOptions), typeof(PrefixOptions), typeof(TrainingOptions), typeof(EarlyStopping),
        typeof(GenerationOptions), typeof(TextGenerationOptions), typeof(TextGeneratorOptions),
        typeof(DistillationOptions),
    };

    /// <summary>What is wrong with one, a line each; names start at the record.</summary>
    public static IReadOnlyList<string> FaultsOf(object record) => record switch
    {
        PrefixTuningOptions options => Faults.Of(options.Check),
        PrefixOptions options => Faults.Of(options.Check),
        TrainingOptions options => Faults.Of(options.Check),
        EarlyStopping options => Faults.Of(options.Check),
        GenerationOptions options => Faults.Of(options.Check),
        TextGenerationOptions options => Faults.Of(options.Check),
        TextGeneratorOptions options => Faults.Of(options.Check),
        DistillationOptions options => Faults.Of(options.Check),
        _ => [],
    };
}
