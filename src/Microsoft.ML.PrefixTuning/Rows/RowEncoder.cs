using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>
/// Rows to token ids within the context window: the template around the input, the end token behind the target. Says
/// which row and column do not fit. Immutable.
/// </summary>
internal sealed class RowEncoder
{
    private readonly ExampleTemplate _template;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly TransformerSpec _spec;
    private readonly int _prefixTokens;
    private readonly int _leftOut;
    private readonly string _inputColumn;

    /// <summary>Puts together what a row needs.</summary>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="spec">The base.</param>
    /// <param name="template">The template, or null for the base's default.</param>
    /// <param name="inputColumn">The input column, for messages.</param>
    /// <param name="prefix">The prefix that comes in front; decides how much room it takes.</param>
    public RowEncoder(PretrainedTokenizer tokenizer, TransformerSpec spec, string? template, string inputColumn,
        PrefixRoom prefix)
    {
        (_tokenizer, _spec, _inputColumn) = (tokenizer, spec, inputColumn);
        _prefixTokens = prefix.Tokens;
        _template = new ExampleTemplate(template ?? DefaultTemplate(spec), tokenizer, spec.IsEncoderDecoder);
        _leftOut = prefix.HoldsBeginToken ? tokenizer.Prologue.Count : 0;
    }

    /// <summary>The template where the options name none.</summary>
    public static string DefaultTemplate(TransformerSpec spec) =>
        spec.IsEncoderDecoder ? InputPlaceholder.Text : InputPlaceholder.Text + "\n";

    /// <summary>The id put behind targets.</summary>
    /// <exception cref="InvalidOperationException">The base names no end token.</exception>
    public int EndId => _spec.Tokens.Ends is [int end, ..] ? end
        : throw new InvalidOperationException(
            $"The base ({_spec.Family}) names no end token (eos_token_id): expected one, so that texts can end.");

    /// <summary>Tokens of a row's prompt, whether it fits or not.</summary>
    public int PromptLength(string input) => Ids(input, out _).Length;

    /// <summary>A row's prompt.</summary>
    /// <param name="row">The row.</param>
    /// <param name="output">Tokens that must have room behind it.</param>
    /// <param name="truncation">What to do where it does not fit.</param>
    /// <exception cref="ArgumentException">
    /// It does not fit and may not be truncated, or cannot be made to fit.
    /// </exception>
    public EncodedPrompt Prompt(InputRow row, int output, PromptTruncation truncation)
    {
        int[] ids = Ids(row.Text, out int lost);
        long room = Room(output);
        if (ids.Length <= room)
            return new EncodedPrompt(ids, lost, false);
        if (truncation == PromptTruncation.None)
            throw TooLong(row, ids.Length, output, "Truncation is None");
        int[] all = _tokenizer.Encode(row.Text);
        // Cut as text, since neighbours are encoded together; a cut may even cost a token more.
        for (long keep = all.Length - (ids.Length - room); keep >= 0; keep--)
        {
            ReadOnlySpan<int> kept = truncation == PromptTruncation.End ? all.AsSpan(0, (int)keep)
                : all.AsSpan(all.Length - (int)keep);
            ids = Ids(_tokenizer.Decode(kept), out _);
            if (ids.Length <= room)
                return new EncodedPrompt(ids, lost, true);
        }
        throw TooLong(row, ids.Length, output, "even an empty input does not fit");
    }

    /// <summary>
    /// A row's target with the end token. An encoder-decoder model's begins with the token with which its texts are
    /// made to begin, or with that of its tokenizer: BART learned to write <c>&lt;s&gt;</c> first (transformers,
    /// <c>text_target</c>).
    /// </summary>
    public int[] Target(string text, out int lostBytes) =>
        [.. TargetOpening, .. _template.Target(text, EndId, out lostBytes)];

    private IEnumerable<int> TargetOpening => !_spec.IsEncoderDecoder ? []
        : _spec.Output.FirstId is { } first ? [first] : _tokenizer.Prologue;

    /// <summary>Refuses a target for which the window has no room.</summary>
    /// <exception cref="ArgumentException">
    /// It has none. Never cut silently: a cut target would teach an early end.
    /// </exception>
    public void CheckTarget(InputRow row, int target, string labelColumn)
    {
        if (_spec.ContextLength - (long)_prefixTokens < target)
        {
            throw new ArgumentException(
                $"Row {row.Position}, column '{labelColumn}': expected at most {Room(0)} tokens beside a prefix of"
                    + $" {_prefixTokens}"
                + $" in a context window of {_spec.ContextLength}, found {target}.");
        }
    }

    private int[] Ids(string input, out int lostBytes)
    {
        // The prefix's own begin token stands in front already.
        int[] ids = _template.Prompt(input, out lostBytes)[_leftOut..];
        // A model needs one token to go on from: the one with which texts begin, or at which one ends and the next
        // begins.
        return ids.Length > 0 ? ids : [_spec.Tokens.Begin ?? EndId];
    }

    // An encoder-decoder model reads source and target in windows of their own.
    private long Room(int output) => (long)_spec.ContextLength - _prefixTokens - (_spec.IsEncoderDecoder ? 0 : output);

    private ArgumentException TooLong(InputRow row, int tokens, int output, string why) =>
        new($"Row {row.Position}, column '{_inputColumn}': expected a prompt of at most {Math.Max(Room(output), 0)}"
            + " tokens"
            + $" (context window {_spec.ContextLength}, prefix {_prefixTokens}, output"
            + $" {(_spec.IsEncoderDecoder ? 0 : output)}), found {tokens} ({why}).");
}

/// <summary>The room a prefix takes in front of a row.</summary>
/// <param name="Tokens">Positions it takes.</param>
/// <param name="HoldsBeginToken">It holds the begin token, which then does not come again in the row.</param>
internal readonly record struct PrefixRoom(int Tokens, bool HoldsBeginToken)
{
    /// <summary>The room of a baked prefix, or of none.</summary>
    public static PrefixRoom Of(Prefix? prefix) => prefix is null ? default
        : new(prefix.Convention.TakesPositions ? prefix.Length : 0, prefix.Convention.HoldsBeginToken);
}

/// <summary>A row's prompt as ids.</summary>
/// <param name="Ids">Token ids as the base reads them.</param>
/// <param name="LostBytes">Bytes of the text that the vocabulary has no token for; they are left out.</param>
/// <param name="IsTruncated">Whether part of the input was left out.</param>
internal sealed record EncodedPrompt(int[] Ids, int LostBytes, bool IsTruncated);
