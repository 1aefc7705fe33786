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
/// <param name="most">Ids that are wanted; somewhat more may come.</param>
/// <param name="wantsSpans">Whether it is wanted too which characters they stand for.</param>
internal sealed class TokenSink(int most = int.MaxValue, bool wantsSpans = false)
{
    /// <summary>The ids so far.</summary>
    public List<int> Ids { get; } = [];

    /// <summary>
    /// Where the characters of each id begin and end; null where nobody asks. A model counts from the beginning of the
    /// piece; ids that share a character all have it.
    /// </summary>
    public List<(int Begin, int End)>? Spans { get; } = wantsSpans ? [] : null;

    /// <summary>Whether there are more ids than wanted: the rest of the text need not be encoded.</summary>
    public bool IsFull => Ids.Count > most;

    /// <summary>Bytes of the text so far that no token stands for.</summary>
    public int LostBytes { get; set; }

    /// <summary>The symbols of the piece at hand.</summary>
    public List<int> Symbols { get; } = [];

    /// <summary>The characters of each symbol, where <see cref="Spans"/> are wanted.</summary>
    public List<(int Begin, int End)> SymbolSpans { get; } = [];

    /// <summary>Merges that may be made in the piece at hand: where and the result, the best rank first.</summary>
    public PriorityQueue<(int Left, int Merged), long> Candidates { get; } = new();

    /// <summary>Adds an id that stands for some characters.</summary>
    public void Add(int id, int begin, int end)
    {
        Ids.Add(id);
        Spans?.Add((begin, end));
    }

    /// <summary>Begins a piece.</summary>
    public void ClearSymbols()
    {
        Symbols.Clear();
        SymbolSpans.Clear();
    }

    /// <summary>Adds a symbol that stands for some characters of the piece.</summary>
    public void AddSymbol(int id, int begin, int end)
    {
        Symbols.Add(id);
        if (Spans is not null)
            SymbolSpans.Add((begin, end));
    }

    /// <summary>Adds the id of some symbols that follow each other.</summary>
    /// <param name="id">The id.</param>
    /// <param name="first">The first symbol.</param>
    /// <param name="next">The symbol behind the last.</param>
    public void AddMerged(int id, int first, int next)
    {
        Ids.Add(id);
        Spans?.Add((SymbolSpans[first].Begin, SymbolSpans[next - 1].End));
    }
}
