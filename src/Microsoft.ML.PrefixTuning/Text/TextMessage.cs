namespace Microsoft.ML.PrefixTuning;

/// <summary>One message of a chat. Immutable.</summary>
/// <param name="Role">Who says it.</param>
/// <param name="Text">What is said: plain text, in which no special token is found.</param>
public sealed record TextMessage(MessageRole Role, string Text);

/// <summary>Who says a <see cref="TextMessage"/>.</summary>
public enum MessageRole
{
    /// <summary>Whoever made the application: what holds for all messages behind it.</summary>
    System,

    /// <summary>Who asks.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}
