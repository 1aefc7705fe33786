using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>
/// The one rule of what opens the texts of a base. Its tokenizer may put a begin token (or more) in front of every
/// text: it stands once in front of everything that the decoder, or the encoder, reads. So a prefix made from text in
/// front of a decoder-only base holds it and the rows behind that prefix have none; any other row has its own.
/// Immutable.
/// </summary>
/// <remarks>
/// <code>
///                                    prefix or teacher            row
///   base alone                                                    begin row
///   decoder-only, front, from text   begin text                         row
///   decoder-only, front, otherwise   values                       begin row
///   decoder-only, infix              text or values               begin row, the infix inside
///   encoder-decoder                  begin text or values         begin row, its target opens as OfTarget says
/// </code>
/// Texts that a caller writes once for all rows (the template, a teacher, the text of a prefix) may hold special
/// tokens; texts of rows are plain (<see cref="TextIds"/>, <see cref="PretrainedTokenizer.Encode(string)"/>).
/// </remarks>
internal sealed class Opening
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly TransformerSpec _spec;
    private readonly int[] _tokens;

    /// <summary>The rule of a base.</summary>
    public Opening(PretrainedTokenizer tokenizer, TransformerSpec spec) =>
        (_tokenizer, _spec, _tokens) = (tokenizer, spec, [.. tokenizer.Prologue]);

    /// <summary>Tokens in front of a row.</summary>
    /// <param name="isHeld">Whether the prefix in front of it holds them.</param>
    public int[] OfRow(bool isHeld) => isHeld ? [] : _tokens;

    /// <summary>Tokens in front of a text that becomes a prefix.</summary>
    /// <param name="isInfix">Whether the prefix stands inside the row.</param>
    public int[] OfPrefix(bool isInfix) => isInfix ? [] : _tokens;

    /// <summary>Whether a prefix holds the tokens for the rows behind it.</summary>
    /// <param name="isInfix">Whether it stands inside the row.</param>
    /// <param name="isFromText">Whether its keys and values are those of a text.</param>
    public bool IsHeld(bool isInfix, bool isFromText) =>
        isFromText && !_spec.IsEncoderDecoder && OfPrefix(isInfix).Length > 0;

    /// <summary>
    /// Tokens in front of a target: none, or for an encoder-decoder model the token with which its texts are made to
    /// begin, else that of its tokenizer. BART learned to write <c>&lt;s&gt;</c> first (transformers,
    /// <c>text_target</c>).
    /// </summary>
    public IReadOnlyList<int> OfTarget => !_spec.IsEncoderDecoder ? []
        : _spec.Output.FirstId is { } first ? [first] : _tokens;

    /// <summary>
    /// A row behind its opening. A model needs one token to go on from: where a row has none, it gets one.
    /// </summary>
    /// <param name="isHeld">Whether the prefix in front of it holds the begin tokens.</param>
    /// <param name="own">The row's own ids.</param>
    /// <returns>The ids, and how many of them are not the row's own.</returns>
    public (int[] Ids, int Opening) Row(bool isHeld, ReadOnlySpan<int> own)
    {
        int[] opening = OfRow(isHeld);
        if (opening.Length + own.Length == 0)
            opening = [_spec.Tokens.Begin ?? EndId];
        return ([.. opening, .. own], opening.Length);
    }

    /// <summary>The id behind targets, at which a text ends.</summary>
    /// <exception cref="InvalidOperationException">The base names no end token.</exception>
    public int EndId => _spec.Tokens.Ends is [int end, ..] ? end : throw new InvalidOperationException(
        $"The base ({_spec.Family}) names no end token (eos_token_id): expected one, so that texts can end.");

    /// <summary>The ids of a text that a caller wrote for all rows: special tokens written in it are special.</summary>
    public int[] TextIds(string text) => _tokenizer.EncodeTemplate(text);
}
