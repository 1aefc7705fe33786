using System;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>Types as C# writes them.</summary>
internal static class TypeName
{
    /// <summary>A type's name, with those of its arguments.</summary>
    public static string Of(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Of(underlying) + "?";
        if (!type.IsGenericType)
            return type.Name;
        string arguments = string.Join(", ", type.GetGenericArguments().Select(Of));
        return $"{type.Name.Split('`')[0]}<{arguments}>";
    }
}
