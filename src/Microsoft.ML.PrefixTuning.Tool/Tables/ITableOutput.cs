using System;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Takes the rows of a table in their order.</summary>
internal interface ITableOutput : IDisposable
{
    /// <summary>
    /// Whether a former run wrote the next row of the source; asked for each row from the first one on, until it is
    /// false.
    /// </summary>
    /// <exception cref="InvalidOperationException">The former run read another row there.</exception>
    bool Has(TableRow row);

    /// <summary>Adds a row.</summary>
    /// <param name="row">What was read.</param>
    /// <param name="text">The row as the table has it.</param>
    void Add(TableRow row, string text);

    /// <summary>Hands on what was added so far.</summary>
    void Flush();

    /// <summary>Says that there are no more rows.</summary>
    void Complete();
}
