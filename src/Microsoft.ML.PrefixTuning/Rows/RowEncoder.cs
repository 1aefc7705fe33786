using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>
/// Rows to token ids within the context window: the template around the input, the end token behind the target. Says
/// which row and column do not fit. Immutable.
/// </summary>
internal sealed class RowEncoder
{
    // What the bytes of half a character are decoded to.
    private const char Cut = '\uFFFD';

    private readonly ExampleTemplate _template;
    private readonly Lazy<(ExampleTemplate UpToInput, ExampleTemplate FromInput)> _cut;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly Opening _opening;
    private readonly TransformerSpec _spec;
    private readonly int _prefixTokens;
    private readonly bool _isOpeningHeld;
    private readonly string _inputColumn;
    private readonly string? _asked;
    private readonly Lazy<ChatTemplate?> _chat;

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
        _cut = new(() => CutTemplate(template ?? DefaultTemplate(spec)));
        (_opening, _isOpeningHeld) = (new Opening(tokenizer, spec), prefix.HoldsBeginToken);
        _asked = template;
        // A refusal is said whenever it is asked for.
        _chat = new Lazy<ChatTemplate?>(FindChat, LazyThreadSafetyMode.PublicationOnly);
    }

    /// <summary>Whether rows have no prefix in front of them.</summary>
    public bool IsOfBaseAlone { get; init; }

    /// <summary>The template where the options name none.</summary>
    public static string DefaultTemplate(TransformerSpec spec) =>
        spec.IsEncoderDecoder ? InputPlaceholder.Text : InputPlaceholder.Text + "\n";

    /// <summary>Tokens of a row's prompt, whether it fits or not.</summary>
    public int PromptLength(string input) => Encode(input).Ids.Length;

    /// <summary>A row's prompt.</summary>
    /// <param name="row">The row.</param>
    /// <param name="output">Tokens that must have room behind it.</param>
    /// <param name="truncation">What to do where it does not fit.</param>
    /// <exception cref="ArgumentException">
    /// It does not fit and may not be truncated, or cannot be made to fit.
    /// </exception>
    public EncodedPrompt Prompt(InputRow row, int output, PromptTruncation truncation)
    {
        EncodedPrompt prompt = Encode(row.Text);
        long room = Room(output);
        if (prompt.Ids.Length <= room)
            return prompt;
        if (truncation == PromptTruncation.None)
            throw TooLong(row, prompt.Ids.Length, output, "PromptTruncation.None leaves it whole");
        int[] all = _tokenizer.Encode(row.Text);
        EncodedPrompt cut = prompt;
        // Cut as text, since neighbours are encoded together; a cut may even cost a token more.
        for (long keep = all.Length - (prompt.Ids.Length - room); keep >= 0; keep--)
        {
            cut = Encode(Kept(all, (int)keep, truncation));
            if (cut.Ids.Length <= room)
                return cut with { LostBytes = prompt.LostBytes, IsTruncated = true };
        }
        throw TooLong(row, cut.Ids.Length, output, "even an empty input does not fit");
    }

    /// <summary>
    /// The prompt of a chat. Where it is not written as the base's chats are, it is one message of the user, which is
    /// taken as a row.
    /// </summary>
    /// <param name="messages">The messages.</param>
    /// <param name="output">Tokens that must have room behind it.</param>
    /// <param name="truncation">What to do where a row does not fit; several messages are never cut.</param>
    /// <exception cref="ArgumentException">It does not fit, or is no chat that this model can read.</exception>
    /// <exception cref="NotSupportedException">The base's chat template is not known.</exception>
    public EncodedPrompt Prompt(IReadOnlyList<TextMessage> messages, int output, PromptTruncation truncation)
    {
        ChatTemplate? chat = _chat.Value;
        if (messages is [{ Role: MessageRole.User } row] && (chat is null || _asked is not null))
            return Prompt(InputRow.Request(row.Text), output, truncation);
        if (chat is null)
            throw NoChat(messages);
        int[] own = _tokenizer.Encode(chat.Parts(messages, Opens), out int lostBytes);
        (int[] ids, int opening) = _opening.Row(_isOpeningHeld, own);
        return ids.Length <= Room(output) ? new EncodedPrompt(ids, opening, lostBytes, IsTruncated: false)
            : throw TooLong(InputRow.Request(""), ids.Length, output, "messages are never cut");
    }

    /// <summary>
    /// The beginning of prompts with a text in front of their input, as a teacher reads them: the template up to the
    /// input, then the text. <see cref="BehindContext"/> is what comes behind it.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="ofTemplate">How many of the ids are the template's, about: tokens may reach across.</param>
    /// <param name="lostBytes">Bytes of it that no token stands for.</param>
    public int[] Context(string text, out int ofTemplate, out int lostBytes)
    {
        ExampleTemplate template = _cut.Value.UpToInput;
        ofTemplate = template.Prompt("", out _).Length;
        return template.Prompt(text, out lostBytes);
    }

    /// <summary>A row's prompt from its input on, as it comes behind a <see cref="Context"/>.</summary>
    /// <param name="input">The input.</param>
    public int[] BehindContext(string input) => _cut.Value.FromInput.Prompt(input, out _);

    /// <summary>A row's target behind what opens targets, with the end token.</summary>
    /// <param name="text">The text.</param>
    /// <param name="lostBytes">Bytes of it that no token stands for.</param>
    /// <param name="isEmpty">Whether it has no token of its own, such as blanks under some tokenizers.</param>
    public int[] Target(string text, out int lostBytes, out bool isEmpty)
    {
        int[] own = _tokenizer.Encode(text, out lostBytes);
        // Some tokenizers put a mark of the text's start before nothing.
        isEmpty = own.Length == 0 || string.IsNullOrWhiteSpace(text) && _tokenizer.Decode(own).Length == 0;
        return [.. _opening.OfTarget, .. own, _opening.EndId];
    }

    /// <summary>Refuses a target for which the window has no room.</summary>
    /// <exception cref="ArgumentException">
    /// It has none. Never cut silently: a cut target would teach an early end.
    /// </exception>
    public void CheckTarget(InputRow row, int target, string labelColumn)
    {
        if (_spec.ContextLength - (long)_prefixTokens < target)
        {
            throw new ArgumentException(
                $"{row.Place}, column '{labelColumn}': expected at most {Room(0)} tokens beside a prefix of"
                    + $" {_prefixTokens}"
                + $" in a context window of {_spec.ContextLength}, found {target}.");
        }
    }

    private (ExampleTemplate, ExampleTemplate) CutTemplate(string template)
    {
        (string upTo, string from) = InputPlaceholder.Cut(template);
        return (new ExampleTemplate(upTo, _tokenizer, encoderDecoder: false),
            new ExampleTemplate(from, _tokenizer, _spec.IsEncoderDecoder));
    }

    private bool Opens => _tokenizer.Prologue.Count > 0;

    /// <summary>
    /// How chats are written: as the base has it where nothing was trained on another form, that is where the template
    /// is its chat's or where there is neither a template nor a prefix; else null.
    /// </summary>
    private ChatTemplate? FindChat()
    {
        if (_tokenizer.ChatTemplate is not { } written || _spec.IsEncoderDecoder)
            return null;
        if (_asked is null)
            return IsOfBaseAlone ? ChatTemplate.Read(written) : null;
        return ChatTemplate.Find(written) is { } known && known.OfRows(Opens) == _asked ? known : null;
    }

    private ArgumentException NoChat(IReadOnlyList<TextMessage> messages)
    {
        string why = _tokenizer.ChatTemplate is null ? "its base has no chat template"
            : "it was made for rows: its Template is not the base's chat template (BaseModel.OpenChatTemplate)";
        string found = messages is [{ } one] ? $"one of role {one.Role}" : $"{messages.Count} messages";
        return new ArgumentException(
            $"Request, messages: this model takes one message of the user, since {why}; found {found}.");
    }

    private EncodedPrompt Encode(string input)
    {
        (int[] ids, int opening) = _opening.Row(_isOpeningHeld, _template.Prompt(input, out int lostBytes));
        return new EncodedPrompt(ids, opening, lostBytes, IsTruncated: false) { Input = input };
    }

    /// <summary>
    /// The text of some tokens at one end of an input. A character of which a part is cut off is cut off whole.
    /// </summary>
    private string Kept(int[] all, int count, PromptTruncation truncation) => truncation == PromptTruncation.End
        ? _tokenizer.Decode(all.AsSpan(0, count)).TrimEnd(Cut)
        : _tokenizer.Decode(all.AsSpan(all.Length - count)).TrimStart(Cut);

    // An encoder-decoder model reads source and target in windows of their own.
    private long Room(int output) => (long)_spec.ContextLength - _prefixTokens - (_spec.IsEncoderDecoder ? 0 : output);

    private ArgumentException TooLong(InputRow row, int tokens, int output, string why) =>
        new($"{row.In(_inputColumn)}: expected a prompt of at most {Math.Max(Room(output), 0)}"
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
/// <param name="Opening">How many of them open every text and are not the row's own.</param>
/// <param name="LostBytes">Bytes of the text that the vocabulary has no token for; they are left out.</param>
/// <param name="IsTruncated">Whether part of the input was left out.</param>
internal sealed record EncodedPrompt(int[] Ids, int Opening, int LostBytes, bool IsTruncated)
{
    /// <summary>The row's text as far as it was not cut off; null where the prompt is a chat's.</summary>
    public string? Input { get; init; }
}
