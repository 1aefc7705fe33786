using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A tokenizer as its checkpoint describes it: text to ids and back. Immutable, safe for concurrent use.
/// </summary>
/// <remarks>
/// Text is cut at added tokens, normalized, cut into pieces, and each piece becomes ids. Every stage is data; the
/// readers (<see cref="TokenizerFolder"/>, <see cref="GgufVocabulary"/>) choose the stages. A lone surrogate counts as
/// U+FFFD.
/// </remarks>
internal sealed class PretrainedTokenizer
{
    private const char Replacement = '\uFFFD';

    private readonly TokenizerParts _parts;
    private readonly AddedTokens _added;

    private PretrainedTokenizer(TokenizerParts parts)
    {
        _parts = parts;
        _added = new AddedTokens(parts.Added);
        SpecialTokens = parts.Added.Where(token => token.Special)
            .ToDictionary(token => token.Content, token => token.Id);
    }

    /// <summary>What kind of tokenizer it is, such as <c>byte-level BPE</c>.</summary>
    public string Kind => _parts.Kind;

    /// <summary>Number of tokens, added ones included.</summary>
    public int TokenCount => _parts.TokenCount;

    /// <summary>Tokens that mean something to the model, and their ids.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>Ids that the tokenizer's own configuration puts in front of a text.</summary>
    public IReadOnlyList<int> Prologue => _parts.Prologue;

    /// <summary>Ids that the tokenizer's own configuration puts behind a text.</summary>
    public IReadOnlyList<int> Epilogue => _parts.Epilogue;

    /// <summary>
    /// Reads the tokenizer of a folder: <c>tokenizer.json</c>, else <c>vocab.json</c> and <c>merges.txt</c>, else
    /// <c>tokenizer.model</c> or <c>spiece.model</c>; with <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c>
    /// and <c>added_tokens.json</c> where they are.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="vocabularySize">Rows of the model's embedding: every id lies below.</param>
    /// <exception cref="System.IO.FileNotFoundException">No tokenizer is there.</exception>
    /// <exception cref="FormatException">A file contradicts itself or the embedding.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public static PretrainedTokenizer FromFolder(string folder, int vocabularySize) =>
        new(TokenizerFolder.Read(folder, vocabularySize));

    /// <summary>Reads the tokenizer of a GGUF file from its <c>tokenizer.ggml.*</c> keys.</summary>
    /// <param name="metadata">The file's keys; lists are typed arrays.</param>
    /// <param name="file">File for messages.</param>
    /// <param name="vocabularySize">Rows of the model's embedding: every id lies below.</param>
    /// <exception cref="FormatException">A key is missing, or contradicts another or the embedding.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public static PretrainedTokenizer FromGguf(IReadOnlyDictionary<string, object> metadata, string file,
        int vocabularySize) =>
        new(GgufVocabulary.Read(metadata, file, vocabularySize));

    /// <inheritdoc cref="Encode(string, out int)"/>
    public int[] Encode(string text) => Encode(text, out _);

    /// <summary>
    /// The ids of plain text: what looks like a special token is text like any other. Without <see cref="Prologue"/>
    /// and <see cref="Epilogue"/>.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="lostBytes">
    /// Bytes of the text that no token stands for: left out, or given as the unknown token.
    /// </param>
    public int[] Encode(string text, out int lostBytes) => Encode(text, TextPlace.Opening, out lostBytes);

    /// <summary>The ids of plain text that may follow something else.</summary>
    /// <inheritdoc cref="Encode(string, out int)"/>
    /// <param name="text">The text.</param>
    /// <param name="place">What stands before it: some tokenizers put a space in front at the beginning.</param>
    /// <param name="lostBytes">
    /// Bytes of the text that no token stands for: left out, or given as the unknown token.
    /// </param>
    public int[] Encode(string text, TextPlace place, out int lostBytes)
    {
        var sink = new TokenSink();
        EncodeSegments(_added.Cut(WellFormed(text), special: false), place, sink);
        lostBytes = sink.LostBytes;
        return sink.Ids.ToArray();
    }

    /// <summary>
    /// The ids of a text in which special tokens are written: the longest of them become their ids, the rest is plain.
    /// </summary>
    public int[] EncodeTemplate(string text)
    {
        var sink = new TokenSink();
        EncodeSegments(CutTemplate(text), TextPlace.Opening, sink);
        return sink.Ids.ToArray();
    }

    /// <summary>Cuts a text at all added tokens that are written in it, special ones included.</summary>
    public IReadOnlyList<TextSegment> CutTemplate(string text) => _added.Cut(WellFormed(text), special: true);

    /// <summary>
    /// The text of ids, special tokens left out. Each maximal invalid part of cut UTF-8 becomes one U+FFFD.
    /// </summary>
    public string Decode(ReadOnlySpan<int> ids) => _parts.Decoder.Decode(ids);

    private void EncodeSegments(IReadOnlyList<TextSegment> segments, TextPlace place, TokenSink sink)
    {
        foreach (TextSegment segment in segments)
        {
            if (segment.Id is int id)
                sink.Ids.Add(id);
            else
                EncodeText(segment.Text, place, sink);
            place = segment.PlaceBehind;
        }
    }

    private void EncodeText(string text, TextPlace place, TokenSink sink)
    {
        foreach (Normalizer normalizer in _parts.Normalizers)
            text = normalizer.Apply(text, place);
        EncodePieces(text, 0, text.Length, splitter: 0, sink);
    }

    // Each splitter cuts the pieces of the one before it.
    private void EncodePieces(string text, int start, int end, int splitter, TokenSink sink)
    {
        if (splitter == _parts.Splitters.Count)
        {
            if (start < end)
                _parts.Model.Encode(text.AsSpan(start, end - start), sink);
            return;
        }
        while (start < end)
        {
            int pieceEnd = _parts.Splitters[splitter].PieceEnd(text, start, end);
            EncodePieces(text, start, pieceEnd, splitter + 1, sink);
            start = pieceEnd;
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
