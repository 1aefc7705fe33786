using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>Whether a file's tokenizer is that of the base that prefixes were made for.</summary>
internal static class TokenizerCheck
{
    /// <summary>What is told where the base is not at hand.</summary>
    public const string NotCompared = "tokenizer: not compared, since that base is not at hand; the vocabularies have"
        + " one size";

    /// <summary>Compares it with that of a base, token by token.</summary>
    /// <param name="madeFor">The base that prefixes were made for; null where it is not at hand.</param>
    /// <param name="found">The file.</param>
    /// <exception cref="InvalidOperationException">They differ.</exception>
    public static void Compare(BaseModel? madeFor, LlamaBase found)
    {
        if (madeFor is null)
            return;
        var expected = (PretrainedTokenizer)madeFor.OpenTokenizer();
        PretrainedTokenizer own = found.Tokenizer;
        // A file may name rows behind the last token, which no text has.
        for (int id = 0; id < expected.TokenCount; id++)
        {
            if (expected.TokenOf(id) != own.TokenOf(id))
            {
                throw Fault(found, $"token {id} {Quote(expected.TokenOf(id))} as of '{madeFor.Path}'",
                    Quote(own.TokenOf(id)));
            }
        }
        if (!expected.Prologue.AsText().Equals(own.Prologue.AsText(), StringComparison.Ordinal))
        {
            throw Fault(found, $"texts that open with the tokens [{expected.Prologue.AsText()}]",
                $"[{own.Prologue.AsText()}]");
        }
    }

    /// <summary>Compares it with what a prefix says of its own.</summary>
    /// <exception cref="InvalidOperationException">They differ.</exception>
    public static void Compare(Prefix prefix, LlamaBase found)
    {
        if (prefix.Convention.HoldsBeginToken && found.Tokenizer.Prologue.Count == 0)
        {
            throw Fault(found, "a begin token in front of texts, which this prefix holds for the rows behind it",
                "none");
        }
    }

    private static InvalidOperationException Fault(LlamaBase found, string expected, string what) => new(
        $"Base model '{found.Path}', tokenizer: expected {expected}, found {what}: prefixes of one tokenizer mean"
        + " nothing behind another.");

    private static string Quote(string? token) => token is null ? "nothing" : FileText.Quote(token);

    private static string AsText(this IReadOnlyList<int> ids) => string.Join(", ", ids);
}
