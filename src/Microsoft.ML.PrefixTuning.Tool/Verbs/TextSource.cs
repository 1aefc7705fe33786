using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A loaded model that writes texts.</summary>
/// <param name="model">All of it.</param>
/// <param name="tuned">The part that writes.</param>
/// <param name="owned">What is disposed with it; where empty, the model's parts are.</param>
internal sealed class TextSource(ITransformer model, PrefixTuningTransformer tuned, IReadOnlyList<IDisposable> owned)
    : IDisposable
{
    public const string DefaultInput = "Input", DefaultOutput = "Output";

    public ITransformer Model => model;

    public PrefixTuningTransformer Tuned => tuned;

    /// <summary>The column that takes the message of a row that could not be used; null where there is none.</summary>
    public string? ErrorColumnName => tuned.Session.Settings.Generation.ErrorColumnName;

    /// <summary>
    /// The columns that are written: those of former texts and messages in the rows, such as of a former run, too.
    /// </summary>
    public IReadOnlyCollection<string> WrittenColumns =>
        ErrorColumnName is { } error ? [tuned.OutputColumnName, error] : [tuned.OutputColumnName];

    /// <summary>The same as they are written, where no later part of the model changes them.</summary>
    public IReadOnlyList<AddedColumn> Added => [.. WrittenColumns.Select(column => column == ErrorColumnName
        ? new AddedColumn(column, 1) { IsSingle = true }
        : new AddedColumn(column, tuned.Session.Settings.Generation.SequenceCount))];

    /// <summary>Refuses rows without the column that is read, where no other part of the model makes it.</summary>
    /// <param name="path">Their file, or the first of several; or <see cref="TableFormats.Standard"/>.</param>
    /// <param name="columns">Their columns.</param>
    /// <exception cref="FormatException">It is missing.</exception>
    public void CheckColumns(string path, IReadOnlyList<string> columns)
    {
        if (model is not IEnumerable<ITransformer> chain || chain.Count() == 1)
            TableColumns.Find(columns, tuned.InputColumnName, path);
    }

    public void Dispose()
    {
        foreach (IDisposable part in owned.Count > 0 ? owned : [tuned])
            part.Dispose();
    }
}
