using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Messages of a chat client to those of a generator.</summary>
internal static class ChatMessages
{
    /// <summary>The messages of a request.</summary>
    /// <param name="messages">The chat.</param>
    /// <param name="instructions">What holds for all of it, or null.</param>
    /// <exception cref="NotSupportedException">One has another role or another content than text.</exception>
    /// <exception cref="ArgumentException">One is null.</exception>
    public static TextMessage[] Of(IEnumerable<ChatMessage> messages, string? instructions)
    {
        ArgumentNullException.ThrowIfNull(messages);
        IEnumerable<TextMessage> own = messages.Select((message, index) => message is null
            ? throw new ArgumentException($"Request, message {index + 1} (the first is 1): expected one, found null.")
            : new TextMessage(Role(message, index), Text(message, index)));
        return instructions is null ? [.. own] : [new(MessageRole.System, instructions), .. own];
    }

    private static MessageRole Role(ChatMessage message, int index) =>
        message.Role == ChatRole.User ? MessageRole.User
        : message.Role == ChatRole.Assistant ? MessageRole.Assistant
        : message.Role == ChatRole.System ? MessageRole.System
        : throw new NotSupportedException(
            $"Request, message {index + 1} (the first is 1): expected the role system, user or assistant, found"
                + $" '{message.Role}'.");

    private static string Text(ChatMessage message, int index)
    {
        foreach (AIContent content in message.Contents)
        {
            if (content is not (TextContent or UsageContent))
                throw new NotSupportedException(
                    $"Request, message {index + 1} (the first is 1): expected text, found {content.GetType().Name}.");
        }
        return string.Concat(message.Contents.OfType<TextContent>().Select(content => content.Text));
    }
}
