using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What a <see cref="TextGenerator"/> is asked for. Immutable.</summary>
public sealed record TextRequest
{
    /// <summary>A request of a text.</summary>
    public TextRequest()
    {
    }

    /// <summary>A request of a chat.</summary>
    /// <param name="messages">The messages.</param>
    [SetsRequiredMembers]
    public TextRequest(IReadOnlyList<TextMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        (Text, Messages) = ("", messages);
    }

    /// <summary>The text that is read, as a row's input column is: the template is put around it.</summary>
    public required string Text { get; init; }

    /// <summary>
    /// A chat that is read in place of a text, the last message the user's. It is written by the base's chat template
    /// where nothing was trained on another form: for the base alone without a template of its own, and for a model
    /// whose template is that of <see cref="BaseModel.OpenChatTemplate"/>. Elsewhere it is one message of the user,
    /// which is read as <see cref="Text"/> is.
    /// </summary>
    /// <value>The default is <see langword="null"/>: <see cref="Text"/> is read.</value>
    public IReadOnlyList<TextMessage>? Messages { get; init; }

    /// <summary>
    /// The name of the prefix in front of it, one of <see cref="TextGenerator.PrefixNames"/>; null for the prefix that
    /// has no name, or the base alone.
    /// </summary>
    public string? Prefix { get; init; }

    /// <summary>
    /// How many of the most probable tokens are told beside each token of the text, 0 to 20, with their
    /// log-probabilities; null for none of it. Not for beams. It changes no text.
    /// </summary>
    /// <value>The default is <see langword="null"/>: nothing is told.</value>
    public int? LogProbabilities { get; init; }

    /// <summary>
    /// How the text is written; null for <see cref="TextGenerator.Generation"/>, from which a <c>with</c> changes
    /// single options. Options that concern many rows or their columns have no part in it.
    /// </summary>
    public GenerationOptions? Generation { get; init; }
}
