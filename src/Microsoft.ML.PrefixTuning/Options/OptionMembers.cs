using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>The members of option records.</summary>
internal static class OptionMembers
{
    /// <summary>What can be set, in the record's order.</summary>
    public static IReadOnlyList<PropertyInfo> Of(Type record) =>
        [.. record.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite)
            .OrderBy(property => property.MetadataToken)];

    /// <summary>A copy of a record in which some members have other values.</summary>
    public static object With(object record, IEnumerable<(PropertyInfo Member, object? Value)> changes)
    {
        object copy = Activator.CreateInstance(record.GetType(), nonPublic: true)!;
        foreach (PropertyInfo member in Of(record.GetType()))
            member.SetValue(copy, member.GetValue(record));
        foreach ((PropertyInfo member, object? value) in changes)
            member.SetValue(copy, value);
        return copy;
    }
}
