using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>Recorded tokens of one text, in their order, to what a caller gets of them.</summary>
/// <param name="tokenizer">Gives the bytes.</param>
internal sealed class TokenTeller(PretrainedTokenizer tokenizer)
{
    private bool _isFirst = true;

    /// <summary>The tokens of a text that is there whole.</summary>
    /// <param name="tokenizer">Gives the bytes.</param>
    /// <param name="recorded">What was written.</param>
    /// <param name="text">The text, without end token and stop string.</param>
    public static IReadOnlyList<TokenLogProbability> Tell(PretrainedTokenizer tokenizer,
        IReadOnlyList<RecordedToken> recorded, string text)
    {
        var teller = new TokenTeller(tokenizer);
        var tokens = new List<TokenLogProbability>();
        int left = Encoding.UTF8.GetByteCount(text);
        foreach (RecordedToken token in recorded)
        {
            if (left <= 0)
                break;
            TokenLogProbability told = teller.Next(token);
            left -= told.Bytes.Count;
            tokens.Add(told);
        }
        return tokens;
    }

    /// <summary>The next token of the text.</summary>
    public TokenLogProbability Next(RecordedToken token)
    {
        // Others in its place would have stood where it does.
        TokenLogProbability[] top = [.. token.Top.Select(one => Of(one.Id, one.LogProbability, _isFirst))];
        TokenLogProbability told = Of(token.Id, token.LogProbability, _isFirst) with { Top = top };
        _isFirst &= told.Bytes.Count == 0;
        return told;
    }

    private TokenLogProbability Of(int id, double logProbability, bool isFirst)
    {
        byte[] bytes = tokenizer.BytesOf(id, isFirst);
        return new TokenLogProbability(bytes.Length > 0 ? Encoding.UTF8.GetString(bytes)
            : tokenizer.TokenOf(id) ?? "", bytes, logProbability);
    }
}
