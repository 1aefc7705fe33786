using System;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Counts the tokens that a base model makes of a text column.</summary>
/// <remarks>
/// <format type="text/markdown"><![CDATA[
/// To create this estimator, use [CountTokens](xref:Microsoft.ML.PrefixTuningCatalog.CountTokens*).
///
/// ### Estimator Characteristics
/// |  |  |
/// | -- | -- |
/// | Does this estimator need to look at the data to train its parameters? | No |
/// | Input column data type | [Text](xref:Microsoft.ML.Data.TextDataViewType) |
/// | Output column data type | <xref:System.Int32> |
/// | Exportable to ONNX | No |
/// ]]></format>
/// </remarks>
public sealed class TokenCountingEstimator : IEstimator<TokenCountingTransformer>
{
    private readonly IHost _host;
    private readonly WrittenColumns _columns;
    private readonly BaseModel _baseModel;

    internal TokenCountingEstimator(IHostEnvironment environment, WrittenColumns columns, BaseModel baseModel)
    {
        columns.Check();
        ArgumentNullException.ThrowIfNull(baseModel);
        _host = environment.Register(nameof(TokenCountingEstimator));
        (_columns, _baseModel) = (columns, baseModel);
    }

    /// <summary>Reads the tokenizer; the data is looked at for its schema only.</summary>
    /// <param name="input">Any view with the input column.</param>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    /// <exception cref="System.IO.IOException">The base is not there.</exception>
    /// <exception cref="FormatException">A file of the tokenizer is broken.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public TokenCountingTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TextColumns.One(input.Schema, _columns.Input, "input");
        return new TokenCountingTransformer(_host, TokenCounter.Open(_columns.Output, _columns.Input, _baseModel));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The input column is missing or not a text.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) =>
        TokenCountMapper.Promise(inputSchema, _columns.Output, _columns.Input);
}
