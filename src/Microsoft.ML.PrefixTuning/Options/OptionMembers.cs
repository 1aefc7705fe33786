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
}
