using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>A text and the texts it is measured against.</summary>
internal sealed record Segment
{
    /// <param name="output">The text that is measured.</param>
    /// <param name="references">Wanted texts, at least one; an empty text counts as one.</param>
    /// <exception cref="ArgumentException"><paramref name="references"/> is empty.</exception>
    public Segment(string output, params IReadOnlyList<string> references)
    {
        if (references.Count == 0)
            throw new ArgumentException("Expected at least one reference, found none.", nameof(references));
        Output = output;
        References = references;
    }

    /// <summary>The text that is measured.</summary>
    public string Output { get; }

    /// <summary>Wanted texts, at least one.</summary>
    public IReadOnlyList<string> References { get; }
}
