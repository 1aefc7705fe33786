using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// What cursors and rows share: the session, ML.NET's messages and cancellation, and getters of the new columns.
/// </summary>
/// <param name="host">The transformer's host.</param>
/// <param name="session">Writes texts; not owned.</param>
internal sealed class RowWriter(IHost host, TextSession session)
{
    public TextSettings Settings => session.Settings;

    /// <summary>Ends the writing, as the context does.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Writes the texts of some rows.</summary>
    public GeneratedText[] Write(IReadOnlyList<InputRow> rows)
    {
        using IChannel channel = host.Start("Generating");
        GeneratedText[] texts = session.Generate(rows, BaseLoader.CheckOf(host, Cancellation),
            message => channel.Warning(MessageSensitivity.Schema, "{0}", message));
        int truncated = texts.Count(text => text.IsTruncated);
        if (truncated > 0)
            channel.Warning(MessageSensitivity.Schema, "{0}",
                $"{truncated} of rows {rows[0].Position + 1} to {rows[^1].Position + 1} (the first is 1) were cut to"
                    + " fit the context window.");
        return texts;
    }

    /// <summary>A getter of a new column: the text or texts, or the error.</summary>
    /// <param name="column">The column in the wider schema.</param>
    /// <param name="isText">Whether it is the output column; otherwise the error column.</param>
    /// <param name="settings">How many texts a row has.</param>
    /// <param name="current">The row's texts.</param>
    public static Delegate Getter(DataViewSchema.Column column, bool isText, TextSettings settings,
        Func<GeneratedText> current)
    {
        if (!isText)
            return (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) =>
                value = current().Error.AsMemory());
        if (column.Type is not VectorDataViewType)
            return (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) =>
                value = current().Texts[0].AsMemory());
        int sequences = settings.Generation.SequenceCount;
        return (ValueGetter<VBuffer<ReadOnlyMemory<char>>>)((ref VBuffer<ReadOnlyMemory<char>> value) =>
            value = new VBuffer<ReadOnlyMemory<char>>(sequences, current().Texts.Select(text => text.AsMemory())
                .ToArray()));
    }
}
