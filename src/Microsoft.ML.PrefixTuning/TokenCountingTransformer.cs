using System;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

[assembly: Microsoft.ML.LoadableClass(typeof(TokenCountingTransformer), null, typeof(Microsoft.ML.SignatureLoadModel),
    "Token Counting", TokenCounterFormat.LoaderSignature)]

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Maps a text column to the number of tokens that a base model makes of it. Safe for concurrent use; the base's
/// weights are not loaded. A saved model names the base and finds its tokenizer as a prefix finds its base.
/// </summary>
public sealed class TokenCountingTransformer : ITransformer
{
    private readonly IHost _host;
    private readonly TokenCounter _counter;

    internal TokenCountingTransformer(IHost host, TokenCounter counter) => (_host, _counter) = (host, counter);

    /// <summary>Name of the column that takes the counts.</summary>
    public string OutputColumnName => _counter.OutputColumn;

    /// <summary>Name of the column that is read.</summary>
    public string InputColumnName => _counter.InputColumn;

    /// <summary>A transformer maps rows one by one.</summary>
    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => MapperOf(inputSchema).OutputSchema;

    /// <summary>A lazy view with the column of counts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new TokenCountDataView(input, MapperOf(input.Schema));
    }

    /// <inheritdoc/>
    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => MapperOf(inputSchema);

    void ICanSaveModel.Save(ModelSaveContext context) => TokenCounterFormat.Write(context, _counter);

    private TokenCountMapper MapperOf(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new TokenCountMapper(inputSchema, _counter);
    }

    private static TokenCountingTransformer Create(IHostEnvironment environment, ModelLoadContext context) =>
        LoadRefusal.Guard(() => new TokenCountingTransformer(
            environment.Register(nameof(TokenCountingTransformer)), TokenCounterFormat.Read(context)));
}
