using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// The share of outputs that equal one of their references, white space at both ends aside, from 0 to 1. No
/// tokenisation; case counts.
/// </summary>
internal static class ExactMatch
{
    /// <summary>The share in a corpus; 0 for an empty one.</summary>
    public static double Corpus(IReadOnlyList<Segment> segments) =>
        segments.Select(segment => IsMatch(segment) ? 1.0 : 0.0).DefaultIfEmpty().Average();

    private static bool IsMatch(Segment segment) => segment.References.Any(reference =>
        reference.AsSpan().Trim().SequenceEqual(segment.Output.AsSpan().Trim()));
}
