using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// What becomes of one piece of text: ids. Immutable; what changes lies in the <see cref="TokenSink"/>.
/// </summary>
internal abstract class TokenModel
{
    /// <summary>Adds the ids of a piece.</summary>
    /// <param name="piece">Normalized text without lone surrogates; not empty.</param>
    /// <param name="sink">Takes the ids.</param>
    public abstract void Encode(ReadOnlySpan<char> piece, TokenSink sink);
}

/// <summary>Takes the ids of one text, and lends the buffers that encoding needs.</summary>
internal sealed class TokenSink
{
    /// <summary>The ids so far.</summary>
    public List<int> Ids { get; } = [];

    /// <summary>Bytes of the text so far that no token stands for.</summary>
    public int LostBytes { get; set; }

    /// <summary>The symbols of the piece at hand.</summary>
    public List<int> Symbols { get; } = [];

    /// <summary>Merges that may be made in the piece at hand: where and the result, the best rank first.</summary>
    public PriorityQueue<(int Left, int Merged), long> Candidates { get; } = new();
}
