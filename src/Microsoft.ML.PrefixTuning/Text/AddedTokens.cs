using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A token that is looked for in a text: before anything else is done with it, or once it is normalized.
/// </summary>
/// <param name="Content">What stands in the text.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">
/// Whether it means something to the model: never found in plain text, left out when decoding.
/// </param>
internal sealed record AddedToken(string Content, int Id, bool Special)
{
    /// <summary>Whether it takes the white space before it along (<c>lstrip</c>).</summary>
    public bool TakesSpaceBefore { get; init; }

    /// <summary>Whether it takes the white space behind it along (<c>rstrip</c>).</summary>
    public bool TakesSpaceBehind { get; init; }

    /// <summary>
    /// Whether the text behind it begins as behind a special token, which llama.cpp does of all tokens.
    /// </summary>
    public bool BeginsText { get; init; }

    /// <summary>Whether its file asks that it be found in the normalized text (<c>normalized</c>).</summary>
    public bool IsNormalized { get; init; }

    /// <summary>
    /// What stands in the normalized text where it is found there; null where it is found in the text as written.
    /// </summary>
    public string? Pattern { get; init; }

    /// <summary>What stands in the text in which it is looked for.</summary>
    public string Written => Pattern ?? Content;

    /// <summary>Reads a token from its JSON object, whose content and id are known already.</summary>
    /// <exception cref="NotSupportedException">It is to be found between word boundaries only.</exception>
    public static AddedToken Read(JsonSection entry, string content, int id)
    {
        if (entry.FlagOf("single_word", otherwise: false))
            throw entry.Need("single_word").Unsupported("false");
        if (content.Length == 0)
            throw entry.Need("content").Wrong("a text that is not empty");
        return new(content, id, entry.FlagOf("special", otherwise: false))
        {
            TakesSpaceBefore = entry.FlagOf("lstrip", otherwise: false),
            TakesSpaceBehind = entry.FlagOf("rstrip", otherwise: false),
            IsNormalized = entry.FlagOf("normalized", otherwise: false),
        };
    }
}

/// <summary>A part of a text: an added token, or text between them.</summary>
/// <param name="Text">The text; as it stands there where it is a token.</param>
/// <param name="Id">The token's id; null for text.</param>
/// <param name="PlaceBehind">What the text behind it stands behind.</param>
/// <param name="Begin">Where it begins in the text that was cut.</param>
internal readonly record struct TextSegment(string Text, int? Id, TextPlace PlaceBehind, int Begin);

/// <summary>Finds added tokens in a text: from left to right, the longest first.</summary>
internal sealed class AddedTokens
{
    private readonly IReadOnlyList<AddedToken> _tokens;
    private readonly TokenTrie _all = new();
    private readonly TokenTrie _plain = new();
    private readonly bool _anyPlain;

    public AddedTokens(IReadOnlyList<AddedToken> tokens)
    {
        _tokens = tokens;
        _anyPlain = tokens.Any(token => !token.Special);
        // Of several that are written alike, as normalized ones may be, the first one counts, and is added last.
        for (int i = tokens.Count - 1; i >= 0; i--)
        {
            _all.Add(tokens[i].Written, i);
            if (!tokens[i].Special)
                _plain.Add(tokens[i].Written, i);
        }
    }

    /// <summary>Cuts a text at its added tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="special">Whether special tokens are looked for too.</param>
    public IReadOnlyList<TextSegment> Cut(string text, bool special)
    {
        if (!special && !_anyPlain)
            return text.Length == 0 ? [] : [new(text, null, TextPlace.BehindAdded, 0)];
        return Cut(text, special ? _all : _plain, markup: null);
    }

    /// <summary>Cuts a text of which a part is markup.</summary>
    /// <param name="text">The text.</param>
    /// <param name="markup">For every character whether special tokens are looked for there.</param>
    public IReadOnlyList<TextSegment> Cut(string text, bool[] markup) => Cut(text, _all, markup);

    private List<TextSegment> Cut(string text, TokenTrie trie, bool[]? markup)
    {
        var segments = new List<TextSegment>();
        int start = 0;
        for (int i = 0; i < text.Length;)
        {
            int found = trie.Longest(text.AsSpan(i), out int length);
            if (found != TokenTrie.None && markup?.AsSpan(i, length).IndexOf(false) is int own and >= 0)
                found = AtEdge(text.AsSpan(i), own, out length);
            if (found == TokenTrie.None)
            {
                i++;
                continue;
            }
            AddedToken token = _tokens[found];
            AddText(segments, token.TakesSpaceBefore ? text[start..i].TrimEnd() : text[start..i], start);
            TextPlace place = token.Special || token.BeginsText ? TextPlace.BehindSpecial : TextPlace.BehindAdded;
            segments.Add(new(token.Written, token.Id, place, i));
            for (i += length; token.TakesSpaceBehind && i < text.Length && char.IsWhiteSpace(text[i]); i++)
            {
            }
            start = i;
        }
        AddText(segments, text[start..], start);
        return segments;
    }

    /// <summary>The longest token where markup ends: a special one has none of the text behind it.</summary>
    /// <param name="text">The text from there.</param>
    /// <param name="own">How much of it is markup.</param>
    /// <param name="length">The token's length.</param>
    private int AtEdge(ReadOnlySpan<char> text, int own, out int length)
    {
        int special = _all.Longest(text[..own], out int specialLength);
        int plain = _plain.Longest(text, out length);
        if (length >= specialLength)
            return plain;
        length = specialLength;
        return special;
    }

    private static void AddText(List<TextSegment> segments, string text, int begin)
    {
        if (text.Length > 0)
            segments.Add(new(text, null, TextPlace.BehindAdded, begin));
    }
}
