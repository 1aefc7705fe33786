using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>How the members of a record are called on the command line.</summary>
internal sealed record OptionNames
{
    // A column is named by what it is for.
    private const string Column = "ColumnName";

    // Names that a record has wherever it is an option; a verb may call its members otherwise.
    private static readonly Dictionary<Type, OptionNames> Usual = new()
    {
        [typeof(PrefixOptions)] = new() { Prefix = "prefix-" },
        [typeof(TrainingOptions)] = new()
        {
            Fallback = "training-",
            Special = new Dictionary<string, string> { [nameof(TrainingOptions.StateFile)] = "state" },
        },
        [typeof(EarlyStopping)] = new() { Prefix = "early-stopping-" },
        [typeof(GenerationOptions)] = new() { Fallback = "generation-" },
        [typeof(BeamDecoding)] = new() { Prefix = "beam-" },
        // The plain names of a seed, a temperature and a number of tokens are others' where a verb has both.
        [typeof(SamplingDecoding)] = new()
        {
            Special = new Dictionary<string, string> { [nameof(SamplingDecoding.Seed)] = "sampling-seed" },
        },
        [typeof(LlamaCppOptions)] = new() { Prefix = "llama-cpp-" },
        [typeof(DistillationOptions)] = new()
        {
            Special = new Dictionary<string, string>
            {
                [nameof(DistillationOptions.Temperature)] = "distillation-temperature",
                [nameof(DistillationOptions.TopK)] = "distillation-top-k",
            },
        },
    };

    /// <summary>Stands in front of every name, such as <c>prefix-</c>.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Stands in front of names that the command already has.</summary>
    public string Fallback { get; init; } = "";

    /// <summary>Names that are not made from the member's.</summary>
    public IReadOnlyDictionary<string, string>? Special { get; init; }

    /// <summary>The names of a record.</summary>
    public static OptionNames For(Type record) => Usual.GetValueOrDefault(record) ?? new OptionNames();

    /// <summary>The option of a member, with its hyphens.</summary>
    /// <param name="member">The member's name.</param>
    /// <param name="isTaken">Whether the command has an option of a name already.</param>
    public string Of(string member, Func<string, bool>? isTaken = null)
    {
        string name = "--" + Prefix + (Special?.GetValueOrDefault(member) ?? Plain(member));
        return isTaken?.Invoke(name) == true ? "--" + Fallback + name[2..] : name;
    }

    private static string Plain(string member) => OptionText.Kebab(
        member.EndsWith(Column, StringComparison.Ordinal) ? member[..^"Name".Length] : member);
}
