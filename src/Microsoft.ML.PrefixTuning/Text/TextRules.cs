using System;
using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// By which of this library's rules a base's texts become tokens and end. A model keeps the rules that it was trained
/// with: a saved model records them, and one that records none was trained by the first ones.
/// </summary>
/// <remarks>
/// Versions. 1 (saved models of format 0x00010001): <c>add_prefix_space</c> of a SentencePiece tokenizer is passed
/// over; a GGUF file without a pre-tokenizer is cut by GPT-2's; only the end token ends a text. 2: the setting is
/// obeyed, the pre-tokenizer follows from the architecture or is asked for, tokens that end a turn or a message end a
/// text too; files without <c>tokenizer.json</c> are read as those of GPT-2 or T5 where another class is not named, and
/// pieces of a SentencePiece file that the user defined with spaces are not found. 3: both are refused. 4: user-defined
/// pieces, and added tokens of <c>tokenizer.json</c> that are <c>normalized</c>, are found in the normalized text; its
/// table of characters goes by graphemes; with a SentencePiece vocabulary of a GGUF file a space goes in front of text
/// behind a user-defined token too.
/// </remarks>
internal sealed record TextRules
{
    /// <summary>The version of new models.</summary>
    public const int LatestVersion = 4;

    /// <summary>The rules of models that record none.</summary>
    public static TextRules First { get; } = new() { Version = 1 };

    /// <summary>Today's rules.</summary>
    public static TextRules Latest { get; } = new();

    /// <summary>Which rules, from 1 up to <see cref="LatestVersion"/>.</summary>
    public int Version { get; init; } = LatestVersion;

    /// <summary>The pre-tokenizer that the caller named for a GGUF file; null where the file's own is used.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>The rules as a line: their version, and behind a space the pre-tokenizer that was named.</summary>
    public string ToText() =>
        FormattableString.Invariant($"{Version}{(PreTokenizer is null ? "" : " ")}{PreTokenizer}");

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <param name="text">The line.</param>
    /// <param name="place">What holds it, for messages.</param>
    /// <exception cref="FormatException">It is no such line.</exception>
    /// <exception cref="NotSupportedException">The rules are newer than this library.</exception>
    public static TextRules Parse(string text, string place)
    {
        string[] words = text.Split(' ', 2);
        if (!int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out int version) || version < 1)
            throw new FormatException($"{place}: expected a version from 1, found {FileText.Quote(text)}.");
        if (version > LatestVersion)
        {
            throw new NotSupportedException(
                $"{place}: found version {version}, the newest that is known here is {LatestVersion}.");
        }
        return new TextRules { Version = version, PreTokenizer = words.Length > 1 ? words[1] : null };
    }

    /// <summary>
    /// Whether these are today's; else <see cref="PretrainedTokenizer.FormerRules"/> tells the difference.
    /// </summary>
    [JsonIgnore]
    public bool AreLatest => Version == LatestVersion;
}
