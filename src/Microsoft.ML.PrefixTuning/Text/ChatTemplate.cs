using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// How the messages of a chat become one prompt: the form that a checkpoint's template means, found by the template's
/// text. Nothing is run: a template is one of those known (<see cref="ChatForms"/>) or refused. Immutable.
/// </summary>
internal sealed class ChatTemplate
{
    /// <summary>Stands in a form for the system message that a template brings.</summary>
    public const string DefaultSystem = "@system@";

    /// <summary>Stands in a form for what has no part in the chats that are written here.</summary>
    public const string Anything = "@anything@";

    private static readonly (Regex Pattern, ChatForm Form)[] Known = [.. ChatForms.All
        .SelectMany(form => form.Written.Select(written => (Pattern(written), form)))];

    private readonly ChatForm _form;
    private readonly string? _defaultSystem;
    private readonly string _begin;

    private ChatTemplate(ChatForm form, string? defaultSystem, string begin) =>
        (_form, _defaultSystem, _begin) = (form, defaultSystem, begin);

    /// <summary>The form's name, for people.</summary>
    public string Name => _form.Name;

    /// <summary>The form of a template.</summary>
    /// <param name="written">The template as its checkpoint has it, in Jinja.</param>
    /// <exception cref="NotSupportedException">It is none of those known.</exception>
    public static ChatTemplate Read(string written) => Find(written) ?? throw new NotSupportedException(
        $"Chat template: expected that of one of {Names}, found another one, which begins with"
        + $" {FileText.Quote(written)}: put the chat into one text (Text, Template).");

    /// <summary>The form of a template; null where it is none of those known.</summary>
    public static ChatTemplate? Find(string written)
    {
        string text = TemplateText.Plain(written);
        foreach ((Regex pattern, ChatForm form) in Known)
        {
            Match match = pattern.Match(text);
            if (!match.Success)
                continue;
            Group system = match.Groups["system"];
            return new ChatTemplate(form, system.Success ? system.Value.Replace("\\n", "\n", StringComparison.Ordinal)
                : null, text.Contains("bos_token", StringComparison.Ordinal) ? form.Begin : "");
        }
        return null;
    }

    /// <summary>The template of rows (<c>{input}</c>) that is a chat of one message of the user.</summary>
    /// <param name="opens">Whether a begin token is put in front of all texts anyway.</param>
    public string OfRows(bool opens) => string.Concat(
        Parts([new TextMessage(MessageRole.User, "{input}")], opens).Select(part => part.Text));

    /// <summary>The prompt of a chat, which the model's answer follows.</summary>
    /// <param name="messages">The messages; the last one is the user's.</param>
    /// <param name="opens">Whether a begin token is put in front of all texts anyway.</param>
    /// <exception cref="ArgumentException">The form has no place for one of them.</exception>
    public IReadOnlyList<PromptPart> Parts(IReadOnlyList<TextMessage> messages, bool opens)
    {
        Check(messages);
        var parts = new List<PromptPart> { new(_begin, IsMarkup: true) };
        TextMessage? inside = null;
        if (messages[0].Role != MessageRole.System && _defaultSystem is not null)
            Add(parts, _form.System!.Value, _defaultSystem);
        foreach (TextMessage message in messages)
        {
            if (message.Role == MessageRole.System && _form.SystemIsInside)
            {
                inside = message;
            }
            else if (inside is null)
            {
                Add(parts, TurnOf(message.Role), _form.Trims ? message.Text.Trim() : message.Text);
            }
            else
            {
                AddWithSystem(parts, inside, message);
                inside = null;
            }
        }
        parts.Add(new(_form.Reply, IsMarkup: true));
        return WithoutBegin(parts, opens);
    }

    private static string Names => string.Join(", ", ChatForms.All.Select(form => form.Name));

    private ChatTurn TurnOf(MessageRole role) => role switch
    {
        MessageRole.System => _form.System!.Value,
        MessageRole.User => _form.User,
        _ => _form.Assistant,
    };

    private static void Add(List<PromptPart> parts, ChatTurn turn, string text) =>
        parts.AddRange([new(turn.Before, true), new(text, false), new(turn.Behind, true)]);

    /// <summary>The first turn of the user with a system message in it.</summary>
    private void AddWithSystem(List<PromptPart> parts, TextMessage system, TextMessage message)
    {
        ChatTurn around = _form.System!.Value;
        parts.AddRange([new(_form.User.Before, true), new(around.Before, true), new(system.Text, false),
            new(around.Behind, true), new(_form.Trims ? message.Text.TrimEnd() : message.Text, false),
            new(_form.User.Behind, true)]);
    }

    // A form may write a begin token in front of every turn; the first one is the template's.
    private List<PromptPart> WithoutBegin(List<PromptPart> parts, bool opens)
    {
        bool isTwice = _begin.Length > 0 && parts[1].Text.StartsWith(_begin, StringComparison.Ordinal);
        if (isTwice)
            parts[1] = parts[1] with { Text = parts[1].Text[_begin.Length..] };
        if (opens)
            parts.RemoveAt(0);
        return parts;
    }

    private void Check(IReadOnlyList<TextMessage> messages)
    {
        if (messages is not [.., { Role: MessageRole.User }])
            throw new ArgumentException("Request, messages: expected a message of the user as the last one, found "
                + (messages.Count == 0 ? "no message." : $"one of role {messages[^1].Role}."));
        for (int i = 0; i < messages.Count; i++)
        {
            MessageRole role = messages[i].Role;
            if (role == MessageRole.System && _form.System is null)
                throw Wrong(i, "no system message", role);
            if (!_form.Alternates)
                continue;
            int turn = i - (messages[0].Role == MessageRole.System ? 1 : 0);
            MessageRole expected = turn < 0 ? MessageRole.System
                : turn % 2 == 0 ? MessageRole.User : MessageRole.Assistant;
            if (role != expected)
                throw Wrong(i, $"user and model to take turns, here one of role {expected}", role);
        }
    }

    private ArgumentException Wrong(int index, string expected, MessageRole found) => new(
        $"Request, message {index + 1} (the first is 1): the chat template ({Name}) expects {expected}, found one of"
        + $" role {found}.");

    private static Regex Pattern(string written)
    {
        string escaped = Regex.Escape(TemplateText.Plain(written))
            .Replace(DefaultSystem, "(?<system>(?:[^'\\\\]|\\\\n)*)", StringComparison.Ordinal)
            .Replace(Anything, ".*?", StringComparison.Ordinal);
        return new Regex($"^{escaped}$", RegexOptions.Singleline | RegexOptions.CultureInvariant,
            TimeSpan.FromSeconds(1));
    }
}
