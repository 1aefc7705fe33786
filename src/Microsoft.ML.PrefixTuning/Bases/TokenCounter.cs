using System;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>Counts the tokens that a base makes of a column. Immutable, safe for concurrent use.</summary>
/// <param name="OutputColumn">Takes the counts.</param>
/// <param name="InputColumn">Is read.</param>
/// <param name="BaseModel">Whose tokens are counted.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
internal sealed record TokenCounter(
    string OutputColumn, string InputColumn, BaseModel BaseModel, PretrainedTokenizer Tokenizer)
{
    /// <summary>
    /// Keeps the base's files from being written over as long as somebody counts by them: the saved counter needs them.
    /// </summary>
    public IDisposable Use { get; } =
        FilesInUse.Hold($"the base model '{BaseModel.Path}'", FrozenBase.Files(BaseModel.Path));

    /// <summary>Reads the tokenizer of a base.</summary>
    public static TokenCounter Open(string outputColumn, string inputColumn, BaseModel baseModel) =>
        new(outputColumn, inputColumn, baseModel, (PretrainedTokenizer)baseModel.OpenTokenizer());
}
