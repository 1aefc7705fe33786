using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// What the library warns of, in the command's words: it calls options of a training by their properties and knows no
/// command.
/// </summary>
internal static partial class WarningWords
{
    private static readonly Dictionary<string, string> Flags = MakeFlags();

    // What is no plain option of the command line.
    private static readonly (string Property, string Typed)[] Phrases =
    [
        ("PrefixStart.FromText", "--prefix-start text"), ("PrefixMethod.Prefix", "--method prefix"),
        ("Parametrization.Direct and ResidualMlp", "--parametrization direct and residual-mlp"),
    ];

    /// <summary>A warning with the names of options as they are typed.</summary>
    public static string Of(string warning)
    {
        foreach ((string property, string typed) in Phrases)
            warning = warning.Replace(property, typed, StringComparison.Ordinal);
        return Name().Replace(warning, found =>
            Flags.GetValueOrDefault(found.Groups[1].Success ? found.Groups[1].Value : found.Value) ?? found.Value);
    }

    private static Dictionary<string, string> MakeFlags()
    {
        OptionNames names = OptionNames.For(typeof(TrainingOptions));
        Dictionary<string, string> flags = OptionMembers.Of(typeof(TrainingOptions))
            .Where(member => OptionText.IsKnown(member.PropertyType)
                && member.Name != nameof(TrainingOptions.WhenCancelled))
            .ToDictionary(member => member.Name, member => names.Of(member.Name));
        flags.Add(nameof(PrefixTuningOptions.ValidationSet), "--validation");
        return flags;
    }

    // A member that is named with its record, or a word that only a member's name can be.
    [GeneratedRegex(@"\b(?:TrainingOptions|Training)\.(\w+)\b|(?<![\w.])[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")]
    private static partial Regex Name();
}
