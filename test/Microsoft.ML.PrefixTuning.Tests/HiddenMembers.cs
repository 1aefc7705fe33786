using System.Runtime.CompilerServices;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>Members of ML.NET that are not public, called as its own estimators and extensions do.</summary>
internal static class HiddenMembers
{
    /// <summary>Cancels what runs in a context, as Microsoft.ML.Experimental does.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(CancelExecution))]
    public static extern void CancelExecution(MLContext context);

    /// <summary>The shape of a schema; hidden columns are left out.</summary>
    public static SchemaShape MakeShape(DataViewSchema schema) => Create(null, schema);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod)]
    private static extern SchemaShape Create(SchemaShape? type, DataViewSchema schema);
}
