using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What became of a <see cref="TextRequest"/>.</summary>
/// <param name="Completions">The texts, best first; one but for several sequences.</param>
/// <param name="PromptTokens">Tokens of the prompt, without those of the prefix.</param>
/// <param name="IsTruncated">Whether the prompt was cut to fit the context window.</param>
public sealed record TextResult(IReadOnlyList<TextCompletion> Completions, int PromptTokens, bool IsTruncated)
{
    /// <summary>The best text.</summary>
    public string Text => Completions[0].Text;

    /// <summary>What ended the best text.</summary>
    public FinishReason FinishReason => Completions[0].FinishReason;

    /// <summary>Tokens of all texts.</summary>
    public int NewTokens => Completions.Sum(completion => completion.Tokens);
}

/// <summary>One text.</summary>
/// <param name="Text">The text, without stop string and end token.</param>
/// <param name="FinishReason">What ended it.</param>
/// <param name="Tokens">Tokens that were written for it, the end token or those of a stop string included.</param>
public sealed record TextCompletion(string Text, FinishReason FinishReason, int Tokens)
{
    /// <summary>
    /// The tokens of the text, without the end token and those of a stop string, where
    /// <see cref="TextRequest.LogProbabilities"/> asks for them; else null.
    /// </summary>
    public IReadOnlyList<TokenLogProbability>? LogProbabilities { get; init; }
}

/// <summary>A token of a text and how probable it was.</summary>
/// <param name="Text">
/// Its characters; U+FFFD for a part of one, and the name of a token that is no text.
/// </param>
/// <param name="Bytes">
/// Its bytes in UTF-8: all tokens' together are those of the text, but for broken characters, which the text has as
/// U+FFFD, and for a last token that a stop string cuts. Empty where it is no text.
/// </param>
/// <param name="LogProbability">
/// The natural logarithm of the probability that the model gave it, before temperature, penalties and what else the
/// options change.
/// </param>
public sealed record TokenLogProbability(string Text, IReadOnlyList<byte> Bytes, double LogProbability)
{
    /// <summary>The most probable tokens in its place, best first, as many as were asked for.</summary>
    public IReadOnlyList<TokenLogProbability> Top { get; init; } = [];

    /// <summary>
    /// Where it begins in the text, in UTF-16 characters from 0; one of <see cref="Top"/> where the token does. The
    /// tokens of one character begin together, and one that is no text begins behind the characters before it.
    /// </summary>
    public int Start { get; init; }
}

/// <summary>A part of a text that is being written.</summary>
/// <param name="Text">What comes behind the former pieces: whole characters, of one token at most.</param>
/// <param name="Result">In the last piece the result; null in all others. Its text is that of the pieces.</param>
public sealed record TextPiece(string Text, TextResult? Result = null)
{
    /// <summary>
    /// The tokens that begin in it, where <see cref="TextRequest.LogProbabilities"/> asks for them; else null. All
    /// pieces' together are those of the text.
    /// </summary>
    public IReadOnlyList<TokenLogProbability>? LogProbabilities { get; init; }
}

/// <summary>What ended a text.</summary>
public enum FinishReason
{
    /// <summary>The base's end token.</summary>
    EndToken,

    /// <summary>One of <see cref="GenerationOptions.StopStrings"/>.</summary>
    StopString,

    /// <summary>Its greatest length, or the context window.</summary>
    Length,

    /// <summary>The options left no token that may come next.</summary>
    NoTokenAllowed,
}
