using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>Puts the rows of an evaluation together as segments.</summary>
/// <remarks>
/// A group gives a segment for each distinct output, against the references of all its rows. Segments and references
/// are put in an order of their own, so that no figure depends on that of the rows: not where two references are
/// equally good, and not in its last digit.
/// </remarks>
internal static class SegmentReader
{
    /// <summary>Reads them.</summary>
    /// <param name="data">Rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="checkAlive">Called for each row; throws where the reading is to end.</param>
    /// <exception cref="ArgumentException">A row's group or output is missing.</exception>
    public static IReadOnlyList<Segment> Read(IDataView data, EvaluationColumns columns, Action checkAlive)
    {
        var groups = new List<Group>();
        var known = new Dictionary<object, Group>();
        using DataViewRowCursor cursor = data.GetRowCursor(columns.Needed);
        Func<IReadOnlyList<string>> readLabels = columns.GetLabelReader(cursor);
        Func<object?> readGroup = columns.GetGroupReader(cursor);
        Func<string> readOutput = columns.GetOutputReader(cursor);
        while (cursor.MoveNext())
        {
            checkAlive();
            object? key = readGroup();
            if (key is null || !known.TryGetValue(key, out Group? group))
            {
                groups.Add(group = new Group());
                if (key is not null)
                    known.Add(key, group);
            }
            group.Add(readOutput(), readLabels());
        }
        return [.. groups.SelectMany(group => group.Segments()).Order(Comparer<Segment>.Create(Compare))];
    }

    private static int Compare(Segment first, Segment second)
    {
        int order = string.CompareOrdinal(first.Output, second.Output);
        int shared = Math.Min(first.References.Count, second.References.Count);
        for (int i = 0; order == 0 && i < shared; i++)
            order = string.CompareOrdinal(first.References[i], second.References[i]);
        return order != 0 ? order : first.References.Count.CompareTo(second.References.Count);
    }

    /// <summary>Rows that are measured against the same references.</summary>
    private sealed class Group
    {
        private readonly HashSet<string> _outputs = new(StringComparer.Ordinal);
        private readonly List<string> _references = [];

        public void Add(string output, IReadOnlyList<string> references)
        {
            _outputs.Add(output);
            _references.AddRange(references);
        }

        // They share one list of references; without any they are measured against an empty text.
        public IEnumerable<Segment> Segments()
        {
            IReadOnlyList<string> references = _references.Count == 0 ? [""]
                : [.. _references.OrderByDescending(text => text.Length).ThenBy(text => text, StringComparer.Ordinal)];
            return _outputs.Select(output => new Segment(output, references));
        }
    }
}
