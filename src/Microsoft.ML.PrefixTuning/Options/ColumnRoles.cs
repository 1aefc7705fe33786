using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// What columns are for. A column that is written hides one of the same name: whoever reads that one beside it then
/// reads what was written.
/// </summary>
internal static class ColumnRoles
{
    /// <summary>What a column is for that another one would hide; null where it hides none.</summary>
    /// <param name="written">Name of the column that is written; null where there is none.</param>
    /// <param name="read">What columns are read for, and their names; null where there is none.</param>
    public static string? HiddenBy(string? written, params (string Role, string? Name)[] read) =>
        written is null ? null : Array.Find(read, column => column.Name == written).Role;
}
