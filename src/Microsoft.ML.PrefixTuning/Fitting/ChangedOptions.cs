using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>Which options are off their defaults, as a reader writes them.</summary>
internal static class ChangedOptions
{
    /// <summary>All that differ, in the order of the records.</summary>
    public static IReadOnlyList<ChangedOption> Of(PrefixTuningOptions options) =>
        [.. Differences(options, new PrefixTuningOptions(), "")];

    /// <inheritdoc cref="Of(PrefixTuningOptions)"/>
    public static IReadOnlyList<ChangedOption> Of(DistillationOptions options) =>
        [.. Differences(options, new DistillationOptions(), "")];

    private static IEnumerable<ChangedOption> Differences(object found, object untouched, string place)
    {
        foreach (PropertyInfo member in MembersOf(found))
        {
            object? value = member.GetValue(found), expected = member.GetValue(untouched);
            string name = place + member.Name;
            if (IsRecord(value) && value!.GetType() == expected?.GetType())
            {
                foreach (ChangedOption inner in Differences(value, expected!, name + "."))
                    yield return inner;
            }
            else if (Show(value) is var shown && shown != Show(expected))
                yield return new ChangedOption(name, shown, Show(expected));
        }
    }

    // Callbacks and handles of the calling process say nothing to a reader.
    private static IEnumerable<PropertyInfo> MembersOf(object record) => OptionMembers.Of(record.GetType())
        .Where(member => !typeof(Delegate).IsAssignableFrom(member.PropertyType)
            && member.PropertyType != typeof(CancellationToken) && member.PropertyType != typeof(TrainingWorkers));

    private static bool IsRecord(object? value) => value is not null and not Prefix
        && value.GetType() is var type && type.Assembly == typeof(ChangedOptions).Assembly
        && type.GetMethod("<Clone>$") is not null;

    private static string Show(object? value) => value switch
    {
        null => "none",
        string text => FileText.Quote(text),
        Prefix { IsMemory: true } => "a prefix that is a memory",
        Prefix prefix => string.Create(CultureInfo.InvariantCulture, $"a prefix of {prefix.Length} tokens"),
        IDataView => "given",
        bool flag => flag ? "yes" : "no",
        IEnumerable list => string.Join(", ", list.Cast<object?>().Select(Show)) is { Length: > 0 } shown ? shown
            : "none",
        _ when IsRecord(value) => Kind(value),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Kind(object record)
    {
        string members = string.Join(", ", MembersOf(record).Select(member =>
            $"{member.Name} = {Show(member.GetValue(record))}"));
        return members.Length == 0 ? record.GetType().Name : $"{record.GetType().Name} ({members})";
    }
}
