using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>A part of a prompt that is put together.</summary>
/// <param name="Text">The part.</param>
/// <param name="IsMarkup">Whether special tokens written in it are special; the rest is plain text.</param>
internal readonly record struct PromptPart(string Text, bool IsMarkup);

/// <summary>What stands around a message.</summary>
internal readonly record struct ChatTurn(string Before, string Behind);

/// <summary>A published way to write a chat as one text: data, one for all models that have it.</summary>
internal sealed record ChatForm
{
    /// <summary>For people.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The templates of checkpoints that mean it, in Jinja. <see cref="ChatTemplate.DefaultSystem"/> stands for a
    /// system message that the template brings, <see cref="ChatTemplate.Anything"/> for what has no part in chats
    /// without tools.
    /// </summary>
    public required IReadOnlyList<string> Written { get; init; }

    /// <summary>Around what the user says.</summary>
    public required ChatTurn User { get; init; }

    /// <summary>Around what the model said.</summary>
    public required ChatTurn Assistant { get; init; }

    /// <summary>Around a system message; null where the form has none.</summary>
    public ChatTurn? System { get; init; }

    /// <summary>Whether a system message stands inside the first turn of the user.</summary>
    public bool SystemIsInside { get; init; }

    /// <summary>What the model's answer stands behind.</summary>
    public string Reply { get; init; } = "";

    /// <summary>The begin token, where the template writes one.</summary>
    public string Begin { get; init; } = "";

    /// <summary>Whether white space around messages is cut off.</summary>
    public bool Trims { get; init; }

    /// <summary>Whether user and model must take turns, the user first.</summary>
    public bool Alternates { get; init; }
}
