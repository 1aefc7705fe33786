using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// A base model's tokenizer as its files describe it: text to ids and back. It goes wherever .NET takes a
/// <see cref="Tokenizer"/>. Immutable, safe for concurrent use.
/// </summary>
/// <remarks>
/// <para>A text is taken as rows are: no begin or end token is added, and what looks like a special token is text like
/// any other. Added tokens that are not special (such as <c>&lt;think&gt;</c> of Qwen3) are found as the files say. A
/// lone surrogate counts as U+FFFD.</para>
/// <para>Offsets and counts of characters are those of the text that was given, also where it is normalized: the
/// normalized text is always null. Tokens that share a character (bytes of an emoji) all have its offset, and a limit
/// never cuts between them: fewer tokens than allowed come back.</para>
/// <para>Decoding leaves special tokens and ids without a token out; each maximal invalid part of cut UTF-8 becomes one
/// U+FFFD.</para>
/// </remarks>
public sealed class PretrainedTokenizer : Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly TokenPipeline _pipeline;

    private PretrainedTokenizer(TokenizerParts parts)
    {
        (_parts, _pipeline) = (parts, new TokenPipeline(parts));
        SpecialTokens = Added(special: true);
        PlainAddedTokens = Added(special: false);

        Dictionary<string, int> Added(bool special) => parts.Added.Where(token => token.Special == special)
            .ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
    }

    /// <summary>Tokens that mean something to the model, and their ids. No text becomes one of them.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>What kind of tokenizer it is, such as <c>byte-level BPE</c>.</summary>
    internal string Kind => _parts.Kind;

    /// <summary>Added tokens that the embedding has no row for: their spelling is text like any other.</summary>
    internal IReadOnlyCollection<string> LeftOut => _parts.LeftOut;

    /// <summary>
    /// What today's rules do otherwise than those that the tokenizer was read by; empty where nothing is.
    /// </summary>
    internal IReadOnlyList<string> FormerRules => _parts.FormerRules;

    /// <summary>Added tokens that are not special, and their ids: found in plain text as their file says.</summary>
    internal IReadOnlyDictionary<string, int> PlainAddedTokens { get; }

    /// <summary>Number of tokens, added ones included.</summary>
    internal int TokenCount => _parts.Tokens.Count;

    /// <summary>How chats are written, as the files say it in Jinja; null where they do not.</summary>
    internal string? ChatTemplate => _parts.ChatTemplate;

    /// <summary>Ids that the tokenizer's own configuration puts in front of a text.</summary>
    internal IReadOnlyList<int> Prologue => _parts.Prologue;

    /// <summary>Ids that the tokenizer's own configuration puts behind a text.</summary>
    internal IReadOnlyList<int> Epilogue => _parts.Epilogue;

    /// <summary>
    /// Reads the tokenizer of a model in Hugging Face's layout: <c>tokenizer.json</c>, else <c>vocab.json</c> and
    /// <c>merges.txt</c>, else <c>tokenizer.model</c> or <c>spiece.model</c>; with <c>tokenizer_config.json</c>,
    /// <c>special_tokens_map.json</c> and <c>added_tokens.json</c> where they are.
    /// </summary>
    /// <param name="path">The folder. Where it holds a <c>config.json</c>, ids lie below its <c>vocab_size</c>.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">No tokenizer is there.</exception>
    /// <exception cref="FormatException">A file contradicts itself or the model.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public static PretrainedTokenizer FromFolder(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        string config = Path.Combine(path, "config.json");
        long? size = File.Exists(config) ? JsonSection.Read(config).Find("vocab_size")?.Whole() : null;
        return FromFolder(path, size is > 0 and <= int.MaxValue ? (int)size : int.MaxValue);
    }

    /// <summary>Reads the tokenizer of a GGUF file from its <c>tokenizer.ggml.*</c> keys.</summary>
    /// <param name="path">The file; of one that is split, the first part.</param>
    /// <param name="preTokenizer">
    /// How text is cut, for files that do not say; see <see cref="BaseModel.FromGguf"/>.
    /// </param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">A key is missing, or contradicts another or the model.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public static PretrainedTokenizer FromGguf(string path, string? preTokenizer = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using GgufFile file = GgufFile.Open(path);
        TextRules rules = TextRules.Latest with { PreTokenizer = preTokenizer };
        return FromGguf(file.Metadata, file.Name, GgufTokenIds.RowsOf(file), rules);
    }

    /// <inheritdoc cref="FromFolder(string)"/>
    /// <param name="folder">The folder.</param>
    /// <param name="vocabularySize">Rows of the model's embedding: every id lies below.</param>
    /// <param name="rules">By which rules the files are read; null for today's.</param>
    internal static PretrainedTokenizer FromFolder(string folder, int vocabularySize, TextRules? rules = null) =>
        new(TokenizerFolder.Read(folder, vocabularySize, rules ?? TextRules.Latest));

    /// <inheritdoc cref="FromGguf(string, string?)"/>
    /// <param name="metadata">The file's keys; lists are typed arrays.</param>
    /// <param name="file">File for messages.</param>
    /// <param name="vocabularySize">Rows of the model's embedding: every id lies below.</param>
    /// <param name="rules">By which rules the keys are read; null for today's.</param>
    internal static PretrainedTokenizer FromGguf(
        IReadOnlyDictionary<string, object> metadata, string file, int vocabularySize, TextRules? rules = null) =>
        new(GgufVocabulary.Read(metadata, file, vocabularySize, rules ?? TextRules.Latest));

    /// <summary>A token as its vocabulary writes it; null for an id that has none.</summary>
    internal string? TokenOf(int id) =>
        id >= 0 && id < _parts.Tokens.Count && _parts.Tokens[id].Length > 0 ? _parts.Tokens[id] : null;

    /// <summary>SHA-256 over kind and tokens, hexadecimal: one for a vocabulary, whatever its files.</summary>
    internal string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // Lengths in front: no two lists give the same bytes.
        foreach (string token in _parts.Tokens.Prepend(Kind))
            hash.AppendData(Encoding.UTF8.GetBytes($"{token.Length}:{token}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc cref="Encode(string, out int)"/>
    internal int[] Encode(string text) => Encode(text, out _);

    /// <summary>The ids of plain text, without <see cref="Prologue"/> and <see cref="Epilogue"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="lostBytes">
    /// Bytes of the text that no token stands for: left out, or given as the unknown token.
    /// </param>
    internal int[] Encode(string text, out int lostBytes) => Encode(text, TextPlace.Opening, out lostBytes);

    /// <summary>The ids of plain text that may follow something else.</summary>
    /// <inheritdoc cref="Encode(string, out int)"/>
    /// <param name="text">The text.</param>
    /// <param name="place">What stands before it: some tokenizers put a space in front at the beginning.</param>
    /// <param name="lostBytes">
    /// Bytes of the text that no token stands for: left out, or given as the unknown token.
    /// </param>
    internal int[] Encode(string text, TextPlace place, out int lostBytes)
    {
        var sink = new TokenSink();
        _pipeline.Encode(_pipeline.Cut(text, special: false), place, sink);
        lostBytes = sink.LostBytes;
        return sink.Ids.ToArray();
    }

    /// <summary>
    /// The ids of a text in which special tokens are written: the longest of them become their ids, the rest is plain.
    /// </summary>
    internal int[] EncodeTemplate(string text)
    {
        var sink = new TokenSink();
        _pipeline.Encode(CutTemplate(text), TextPlace.Opening, sink);
        return sink.Ids.ToArray();
    }

    /// <summary>
    /// The ids of a text of parts, which are encoded together: tokens may reach from one to the next.
    /// </summary>
    /// <param name="parts">The parts, the first one at the beginning of a text.</param>
    /// <param name="lostBytes">Bytes of the text that no token stands for.</param>
    internal int[] Encode(IReadOnlyList<PromptPart> parts, out int lostBytes)
    {
        var sink = new TokenSink();
        _pipeline.Encode(_pipeline.Cut(parts), TextPlace.Opening, sink);
        lostBytes = sink.LostBytes;
        return sink.Ids.ToArray();
    }

    /// <summary>Cuts a text at all added tokens that are written in it, special ones included.</summary>
    internal IReadOnlyList<TextSegment> CutTemplate(string text) => _pipeline.Cut(text, special: true);

    /// <summary>The text of ids.</summary>
    internal string Decode(ReadOnlySpan<int> ids) => _parts.Decoder.Decode(ids);

    /// <summary>The bytes of a token, which a text may begin with; empty where it is no text.</summary>
    internal byte[] BytesOf(int id, bool isFirst) => _parts.Decoder.BytesOf(id, ref isFirst).ToArray();

    /// <summary>Begins a text whose ids come one by one.</summary>
    internal TokenTextStream BeginText() => _parts.Decoder.Begin();

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _parts.Decoder.Decode([.. ids]);
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(
        IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _parts.Decoder.Decode(ids, destination, out idsConsumed, out charsWritten);
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string whole = text ?? textSpan.ToString();
        TokenSink sink = Encode(whole, settings, MostOf(settings), wantsSpans: true);
        (int count, int consumed) = TokenLimit.FromStart(sink.Spans!, MostOf(settings), whole.Length);
        var tokens = new EncodedToken[count];
        for (int i = 0; i < count; i++)
            tokens[i] = new EncodedToken(sink.Ids[i], TokenOf(sink.Ids[i])!, sink.Spans![i].Begin..sink.Spans[i].End);
        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = consumed };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string whole = text ?? textSpan.ToString();
        int most = MostOf(settings);
        TokenSink sink = Encode(whole, settings, most, wantsSpans: most < int.MaxValue);
        if (sink.Spans is null)
            return new EncodeResults<int> { Tokens = sink.Ids, CharsConsumed = whole.Length };
        (int count, int consumed) = TokenLimit.FromStart(sink.Spans, most, whole.Length);
        return new EncodeResults<int> { Tokens = sink.Ids.GetRange(0, count), CharsConsumed = consumed };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings,
        bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        string whole = text ?? textSpan.ToString();
        int most = MostOf(settings);
        // From the end all tokens are needed: which are the last ones shows only then.
        TokenSink sink = Encode(whole, settings, fromEnd ? int.MaxValue : most, wantsSpans: true);
        normalizedText = null;
        (tokenCount, int index) = fromEnd ? TokenLimit.FromEnd(sink.Spans!, most, whole.Length)
            : TokenLimit.FromStart(sink.Spans!, most, whole.Length);
        return index;
    }

    private TokenSink Encode(string text, EncodeSettings settings, int most, bool wantsSpans)
    {
        PipelineStages stages = (settings.ConsiderNormalization ? PipelineStages.Normalizers : 0)
            | (settings.ConsiderPreTokenization ? PipelineStages.Splitters : 0);
        var sink = new TokenSink(most, wantsSpans);
        _pipeline.Encode(_pipeline.Cut(text, special: false), TextPlace.Opening, sink, stages);
        return sink;
    }

    private static int MostOf(EncodeSettings settings) => settings.MaxTokenCount > 0 ? settings.MaxTokenCount
        : throw new ArgumentOutOfRangeException(
            "maxTokenCount", settings.MaxTokenCount, "Expected at least one token.");
}
