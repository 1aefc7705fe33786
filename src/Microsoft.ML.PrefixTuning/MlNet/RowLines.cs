using System;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.MlNet;

/// <summary>
/// What a view of a file tells of its rows' lines: a hidden value beside its columns, which comes through the steps of
/// a chain with them.
/// </summary>
/// <param name="find">
/// The file and line of a row by its number from 0; null where it is no longer known. It is asked while a cursor stands
/// on the row.
/// </param>
internal sealed class RowLines(Func<long, string?> find)
{
    private const string Kind = "PrefixTuningRowLines";

    /// <summary>The file and line of the row that a cursor stands on; null where it comes from no file.</summary>
    public string? Of(long position) => find(position);

    /// <summary>The lines of a schema's rows; of none where it tells nothing of them.</summary>
    public static RowLines Find(DataViewSchema schema)
    {
        RowLines? found = null;
        foreach (DataViewSchema.Annotations annotations in schema.Select(column => column.Annotations))
        {
            if (found is null && annotations.Schema.GetColumnOrNull(Kind) is { Type: LinesType })
                annotations.GetValue(Kind, ref found);
        }
        return found ?? new RowLines(_ => null);
    }

    /// <summary>The value beside a column.</summary>
    public DataViewSchema.Annotations ToAnnotations()
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<RowLines>(Kind, new LinesType(), (ref RowLines value) => value = this);
        return builder.ToAnnotations();
    }

    private sealed class LinesType() : StructuredDataViewType(typeof(RowLines))
    {
        public override bool Equals(DataViewType? other) => other is LinesType;

        public override int GetHashCode() => Kind.GetHashCode(StringComparison.Ordinal);
    }
}
