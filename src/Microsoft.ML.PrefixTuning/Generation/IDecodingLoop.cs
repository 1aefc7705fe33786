using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// What writes rows together: rows of any prefixes, lengths and rules enter, go on token by token and leave when they
/// are done, each between two tokens of the others. Owns its caches. One thread at a time; to be used within
/// <c>inference_mode</c>.
/// </summary>
internal interface IDecodingLoop : IDisposable
{
    /// <summary>Rows that are read or written.</summary>
    int Count { get; }

    /// <summary>Empties the loop.</summary>
    /// <param name="limits">What it works on at once from now on.</param>
    /// <param name="rows">
    /// The rows of a call that is known whole: room is made for them. Empty where they come one by one.
    /// </param>
    void Open(DecodingLimits limits, IReadOnlyList<ActiveRow> rows);

    /// <summary>One pass: reads a piece of the rows that enter, goes on by a token with the others, or both.</summary>
    /// <param name="waiting">Rows that enter in this order, where there is room.</param>
    void Advance(Queue<ActiveRow> waiting);

    /// <summary>Takes rows out.</summary>
    /// <param name="leaves">Whether a row leaves.</param>
    IReadOnlyList<ActiveRow> TakeOut(Predicate<ActiveRow> leaves);
}
