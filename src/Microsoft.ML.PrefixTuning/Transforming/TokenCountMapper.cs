using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>The input's columns and behind them the counts. Column i of the input is column i here.</summary>
internal sealed class TokenCountMapper : IRowToRowMapper
{
    private readonly TokenCounter _counter;
    private readonly DataViewSchema.Column _read;

    public TokenCountMapper(DataViewSchema inputSchema, TokenCounter counter)
    {
        (InputSchema, _counter) = (inputSchema, counter);
        _read = TextColumns.One(inputSchema, counter.InputColumn, "input");
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(inputSchema);
        builder.AddColumn(counter.OutputColumn, NumberDataViewType.Int32);
        OutputSchema = builder.ToSchema();
    }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    /// <summary>The promise of the estimator.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    public static SchemaShape Promise(SchemaShape input, string outputColumn, string inputColumn)
    {
        ArgumentNullException.ThrowIfNull(input);
        var all = input.ToDictionary(column => column.Name, StringComparer.Ordinal);
        TextColumns.Require(all, inputColumn, "input");
        all[outputColumn] = MlNetInternals.MakeColumn(
            outputColumn, SchemaShape.Column.VectorKind.Scalar, NumberDataViewType.Int32);
        return new SchemaShape(all.Values);
    }

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
    {
        HashSet<int> needed =
            [.. dependingColumns.Select(column => column.Index < InputSchema.Count ? column.Index : _read.Index)];
        return InputSchema.Where(column => needed.Contains(column.Index));
    }

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) =>
        input.Schema == InputSchema ? new Row(input, this, [.. activeColumns.Select(column => column.Index)])
            : throw new ArgumentException("The row's schema is not the one this mapper was made for.", nameof(input));

    /// <summary>A getter of a row or cursor over the source.</summary>
    /// <param name="source">The source's row or cursor.</param>
    /// <param name="column">A column of <see cref="OutputSchema"/>.</param>
    /// <param name="isActive">Whether it was asked for.</param>
    public ValueGetter<TValue> Getter<TValue>(DataViewRow source, DataViewSchema.Column column, bool isActive)
    {
        if (!isActive)
            throw new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active.");
        if (column.Index < InputSchema.Count)
            return source.GetGetter<TValue>(InputSchema[column.Index]);
        ValueGetter<ReadOnlyMemory<char>> read = source.GetGetter<ReadOnlyMemory<char>>(_read);
        ReadOnlyMemory<char> text = default;
        ValueGetter<int> count = (ref int value) =>
        {
            read(ref text);
            value = _counter.Tokenizer.CountTokens(text.Span);
        };
        return count as ValueGetter<TValue> ?? throw new InvalidOperationException(
            $"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
    }

    private sealed class Row(DataViewRow source, TokenCountMapper mapper, HashSet<int> active) : DataViewRow
    {
        public override DataViewSchema Schema => mapper.OutputSchema;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
            mapper.Getter<TValue>(source, column, IsColumnActive(column));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                source.Dispose();
            base.Dispose(disposing);
        }
    }
}
