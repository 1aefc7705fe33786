using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>Option records through reflection.</summary>
internal static class OptionValues
{
    /// <summary>Members that can be chosen.</summary>
    public static IEnumerable<PropertyInfo> Members(Type record) =>
        record.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    /// <summary>Whether a type is a record of the library.</summary>
    public static bool IsRecord(Type type) =>
        type.Assembly == typeof(PrefixTuningOptions).Assembly && type.GetMethod("<Clone>$") is not null;

    /// <summary>A copy with one member changed.</summary>
    public static object With(object record, PropertyInfo member, object? value)
    {
        object copy = record.GetType().GetMethod("<Clone>$")!.Invoke(record, null)!;
        member.SetValue(copy, value);
        return copy;
    }

    /// <summary>A value as one line of text, the same in every process.</summary>
    public static string Show(object? value) => value switch
    {
        null => "null",
        string text => $"'{text.ReplaceLineEndings("\\n")}'",
        Prefix prefix => $"prefix of {prefix.Length}",
        CancellationToken token => token.CanBeCanceled ? "a token" : "no token",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Show))}]",
        _ when IsRecord(value.GetType()) => $"{value.GetType().Name}({string.Join(", ", Members(value.GetType())
            .Select(member => $"{member.Name} = {Show(member.GetValue(value))}"))})",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
