using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads the rows of a table one by one; no row is read before it is asked for.</summary>
internal interface IRowReader : IDisposable
{
    /// <summary>Names of the columns; a column may be without one.</summary>
    IReadOnlyList<string> Columns { get; }

    /// <summary>What columns hold, where the table says so.</summary>
    IReadOnlyList<ColumnKind> Kinds => [.. Columns.Select(_ => ColumnKind.Text)];

    /// <summary>Whether there is neither a row nor anything else that says which columns there are.</summary>
    bool IsEmpty => false;

    /// <summary>The next row, or null at the end.</summary>
    /// <exception cref="FormatException">The row is broken.</exception>
    TableRow? Read();

    /// <summary>Passes rows over.</summary>
    /// <param name="rows">How many; there may be fewer.</param>
    void Skip(long rows)
    {
        while (rows > 0 && Read() is not null)
            rows--;
    }
}

/// <summary>What a column of a table with types holds.</summary>
internal enum ColumnKind
{
    /// <summary>Texts; also of tables without types.</summary>
    Text,

    /// <summary>True or false.</summary>
    Truth,

    /// <summary>Whole numbers of 32 bits.</summary>
    Int,

    /// <summary>Whole numbers of 64 bits.</summary>
    Long,

    /// <summary>Numbers of 32 bits.</summary>
    Float,

    /// <summary>Numbers of 64 bits.</summary>
    Double,
}
