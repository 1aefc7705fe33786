using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// The way of a text to ids: cut at added tokens, normalized, cut at those that are found then, cut into pieces, and
/// each piece becomes ids. Immutable, safe for concurrent use.
/// </summary>
internal sealed class TokenPipeline
{
    private const char Replacement = '\uFFFD';

    private readonly TokenizerParts _parts;
    private readonly AddedTokens _added;
    private readonly AddedTokens? _normalized;
    private readonly CachingModel _model;

    public TokenPipeline(TokenizerParts parts)
    {
        (_parts, _model) = (parts, new CachingModel(parts.Model));
        _added = new AddedTokens([.. parts.Added.Where(token => token.Pattern is null)]);
        AddedToken[] normalized = [.. parts.Added.Where(token => token.Pattern is not null)];
        _normalized = normalized.Length > 0 ? new AddedTokens(normalized) : null;
    }

    /// <summary>
    /// Cuts a text at the added tokens that are looked for in it as it is written. A lone surrogate becomes U+FFFD.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="special">Whether special tokens are looked for too.</param>
    public IReadOnlyList<TextSegment> Cut(string text, bool special) => _added.Cut(WellFormed(text), special);

    /// <summary>Cuts a text of parts at the added tokens of it, special ones only in its markup.</summary>
    public IReadOnlyList<TextSegment> Cut(IReadOnlyList<PromptPart> parts)
    {
        // Part by part: no character comes out of two.
        PromptPart[] formed = [.. parts.Select(part => part with { Text = WellFormed(part.Text) })];
        bool[] markup = [.. formed.SelectMany(part => Enumerable.Repeat(part.IsMarkup, part.Text.Length))];
        return _added.Cut(string.Concat(formed.Select(part => part.Text)), markup);
    }

    /// <summary>Adds the ids of the parts of a text.</summary>
    /// <param name="segments">The parts.</param>
    /// <param name="place">What stands before the first.</param>
    /// <param name="sink">Takes the ids, until it is full.</param>
    /// <param name="stages">Which stages the text passes.</param>
    public void Encode(
        IReadOnlyList<TextSegment> segments, TextPlace place, TokenSink sink,
        PipelineStages stages = PipelineStages.All)
    {
        foreach (TextSegment segment in segments)
        {
            if (sink.IsFull)
                return;
            if (segment.Id is int id)
                sink.Add(id, segment.Begin, segment.Begin + segment.Text.Length);
            else
                EncodeText(segment, place, sink, stages);
            place = segment.PlaceBehind;
        }
    }

    private void EncodeText(TextSegment segment, TextPlace place, TokenSink sink, PipelineStages stages)
    {
        var alignment = sink.Spans is null ? null : new TextAlignment(segment.Begin, segment.Text.Length);
        string text = Rewritten(segment.Text, stages, _parts.Normalizers, place, alignment);
        if (_normalized is null)
        {
            EncodeBetween(text, place, (sink, alignment), stages);
            return;
        }
        foreach (TextSegment part in _normalized.Cut(text, special: false))
        {
            if (sink.IsFull)
                return;
            (int begin, int length) = (part.Begin, part.Text.Length);
            if (part.Id is int id)
                sink.Add(id, alignment?.BeginOf(begin) ?? 0, alignment?.EndOf(begin + length - 1) ?? 0);
            else
                EncodeBetween(part.Text, place, (sink, alignment?.Part(begin, length)), stages);
            place = part.PlaceBehind;
        }
    }

    private void EncodeBetween(
        string text, TextPlace place, (TokenSink Sink, TextAlignment? Alignment) output, PipelineStages stages)
    {
        text = Rewritten(text, stages, _parts.Markers, place, output.Alignment);
        int splitters = stages.HasFlag(PipelineStages.Splitters) ? _parts.Splitters.Count : 0;
        EncodePieces(text, (0, text.Length), _parts.Splitters.Count - splitters, output);
    }

    private static string Rewritten(string text, PipelineStages stages, IReadOnlyList<Normalizer> normalizers,
        TextPlace place, TextAlignment? alignment)
    {
        if (!stages.HasFlag(PipelineStages.Normalizers))
            return text;
        foreach (Normalizer normalizer in normalizers)
            text = normalizer.Apply(text, place, alignment);
        return text;
    }

    // Each splitter cuts the pieces of the one before it.
    private void EncodePieces(
        string text, (int Start, int End) part, int splitter, (TokenSink Sink, TextAlignment? Alignment) output)
    {
        (int start, int end) = part;
        if (splitter == _parts.Splitters.Count)
        {
            if (start < end)
                EncodePiece(text, part, output.Sink, output.Alignment);
            return;
        }
        while (start < end && !output.Sink.IsFull)
        {
            int pieceEnd = _parts.Splitters[splitter].PieceEnd(text, start, end);
            EncodePieces(text, (start, pieceEnd), splitter + 1, output);
            start = pieceEnd;
        }
    }

    private void EncodePiece(string text, (int Start, int End) part, TokenSink sink, TextAlignment? alignment)
    {
        int before = sink.Ids.Count;
        _model.Encode(text.AsSpan(part.Start, part.End - part.Start), sink);
        // From places in the piece to places in the caller's text.
        for (int i = before; alignment is not null && i < sink.Ids.Count; i++)
        {
            (int begin, int end) = sink.Spans![i];
            sink.Spans[i] = (alignment.BeginOf(part.Start + begin), alignment.EndOf(part.Start + end - 1));
        }
    }

    private static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return text;
        return string.Create(text.Length, text, static (result, text) =>
        {
            text.CopyTo(result);
            for (int i = 0; i < result.Length; i++)
            {
                if (char.IsHighSurrogate(result[i]) && i + 1 < result.Length && char.IsLowSurrogate(result[i + 1]))
                    i++;
                else if (char.IsSurrogate(result[i]))
                    result[i] = Replacement;
            }
        });
    }
}

/// <summary>The stages between added tokens and the model.</summary>
[Flags]
internal enum PipelineStages
{
    /// <summary>What rewrites the text.</summary>
    Normalizers = 1,

    /// <summary>What cuts it into pieces.</summary>
    Splitters = 2,

    /// <summary>Both.</summary>
    All = Normalizers | Splitters,
}
