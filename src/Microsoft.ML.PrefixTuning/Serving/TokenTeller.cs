using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// Recorded tokens of one text, in their order, to what a caller gets of them: those that begin within the text. Where
/// each begins is counted in characters as the text has them, so that a broken one counts as its U+FFFD.
/// </summary>
/// <param name="bytesOf">Bytes of an id, given whether it is the first one that has some.</param>
/// <param name="nameOf">What an id without bytes is called.</param>
internal sealed class TokenTeller(Func<int, bool, byte[]> bytesOf, Func<int, string?> nameOf)
{
    private readonly Decoder _characters = Encoding.UTF8.GetDecoder();
    private readonly Queue<TokenLogProbability> _waiting = [];
    private int _length;
    private bool _isFirst = true;

    /// <param name="tokenizer">Gives the bytes.</param>
    public TokenTeller(PretrainedTokenizer tokenizer)
        : this(tokenizer.BytesOf, tokenizer.TokenOf)
    {
    }

    /// <summary>The tokens of a text that is there whole.</summary>
    /// <param name="recorded">What was written.</param>
    /// <param name="endIds">Ids that end a text: they and what follows are no part of it.</param>
    /// <param name="text">The text, without end token and stop string.</param>
    public IReadOnlyList<TokenLogProbability> Tell(IReadOnlyList<RecordedToken> recorded,
        IReadOnlyCollection<int> endIds, string text)
    {
        foreach (RecordedToken token in recorded.TakeWhile(token => !endIds.Contains(token.Id)))
            Add(token);
        return Take(text.Length);
    }

    /// <summary>The next token that was written; none that ends the text.</summary>
    public void Add(RecordedToken token)
    {
        // Others in its place would have stood where it does.
        byte[] bytes = bytesOf(token.Id, _isFirst);
        int start = Start(bytes);
        TokenLogProbability[] top = [.. token.Top.Select(one =>
            Of(one.Id, bytesOf(one.Id, _isFirst), one.LogProbability, start))];
        _waiting.Enqueue(Of(token.Id, bytes, token.LogProbability, start) with { Top = top });
        _isFirst &= bytes.Length == 0;
        var characters = new char[_characters.GetCharCount(bytes, flush: false)];
        _length += _characters.GetChars(bytes, characters, flush: false);
    }

    /// <summary>Those that were not taken yet and begin within the text.</summary>
    /// <param name="length">Characters of the text that are shown with them.</param>
    public IReadOnlyList<TokenLogProbability> Take(int length)
    {
        var taken = new List<TokenLogProbability>();
        while (_waiting.TryPeek(out TokenLogProbability? next) && next.Start < length)
            taken.Add(_waiting.Dequeue());
        return taken;
    }

    /// <summary>Where a token begins: behind a character that it leaves broken, and in front of one that it goes on
    /// with.</summary>
    private int Start(byte[] bytes)
    {
        bool goesOn = bytes.Length == 0 || (bytes[0] & 0xC0) == 0x80;
        return goesOn ? _length : _length + _characters.GetCharCount([], flush: true);
    }

    private TokenLogProbability Of(int id, byte[] bytes, double logProbability, int start) =>
        new(bytes.Length > 0 ? Encoding.UTF8.GetString(bytes) : nameOf(id) ?? "", bytes, logProbability)
        {
            Start = start,
        };
}
