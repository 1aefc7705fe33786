using System;
using System.Collections.Generic;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.MlNet;

/// <summary>Finds the column that tells rows of one input apart, or refuses it in ML.NET's words.</summary>
internal static class DrawColumns
{
    private const string Role = "draw", Expected = "String, a number or a key";

    /// <summary>The column of a schema.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static DataViewSchema.Column One(DataViewSchema schema, string name)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name) ?? throw TextColumns.Missing(Role, name);
        return Has(column.Type) ? column : throw TextColumns.Mismatch(Role, name, column.Type.ToString() ?? "",
            Expected);
    }

    /// <summary>Refuses a promise without the column.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or of another type.</exception>
    public static void Require(Dictionary<string, SchemaShape.Column> columns, string name)
    {
        if (!columns.TryGetValue(name, out SchemaShape.Column column))
            throw TextColumns.Missing(Role, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || !Has(column.ItemType))
            throw TextColumns.Mismatch(Role, name, MlNetInternals.GetTypeString(column), Expected);
    }

    private static bool Has(DataViewType type) => type is TextDataViewType or NumberDataViewType or KeyDataViewType;
}
