using System.Collections.Generic;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads a JSON object a line; blank lines are passed over.</summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="columns">The columns; null for the properties of the first object.</param>
internal sealed class JsonLinesReader(TextReader reader, string name, IReadOnlyList<string>? columns)
    : JsonTableReader(reader, name, columns)
{
    private long _line;

    protected override long Line => _line;

    protected override string? NextObject()
    {
        while (Reader.ReadLine() is { } line)
        {
            _line++;
            if (!string.IsNullOrWhiteSpace(line))
                return line;
        }
        return null;
    }
}
