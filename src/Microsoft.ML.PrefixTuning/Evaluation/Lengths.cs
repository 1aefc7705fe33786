using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>Mean lengths in words. Tokenisation: white space.</summary>
/// <param name="Output">Mean length of the outputs.</param>
/// <param name="Reference">Mean over the rows of the mean length of a row's references.</param>
internal readonly record struct Lengths(double Output, double Reference)
{
    /// <summary>The lengths in a corpus; 0 for an empty one.</summary>
    public static Lengths Of(IReadOnlyList<Segment> segments)
    {
        Lengths[] lengths = ParallelRows.Map(segments, segment => new Lengths(Whitespace.Split(segment.Output).Length,
            segment.References.Average(reference => Whitespace.Split(reference).Length)));
        return new Lengths(lengths.Select(length => length.Output).DefaultIfEmpty().Average(),
            lengths.Select(length => length.Reference).DefaultIfEmpty().Average());
    }
}
