using System.Collections.Generic;
using System.Text;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// Tokens that come one by one to pieces of text, of a token at most each. What may be the beginning of a stop string
/// is held back until it is none. All pieces together are the text that the tokens have when they are all there.
/// </summary>
/// <param name="text">Makes characters of tokens.</param>
/// <param name="stops">The strings that end the text.</param>
internal sealed class PieceMaker(TokenTextStream text, Stops stops)
{
    private readonly StringBuilder _whole = new();
    private readonly Queue<int> _ends = [];
    private int _shown;

    /// <summary>The pieces that are certain with the next token.</summary>
    public IEnumerable<string> Next(int token)
    {
        _whole.Append(text.Next(token));
        _ends.Enqueue(_whole.Length);
        string whole = _whole.ToString();
        return Pieces(whole, stops.Certain(whole));
    }

    /// <summary>The pieces that are left when there is no further token.</summary>
    public IEnumerable<string> End()
    {
        _whole.Append(text.End());
        _ends.Enqueue(_whole.Length);
        string whole = _whole.ToString();
        return Pieces(whole, stops.Cut(whole).Length);
    }

    private IEnumerable<string> Pieces(string whole, int certain)
    {
        while (_shown < certain)
        {
            int end = _ends.Peek();
            if (end <= certain)
                _ends.Dequeue();
            end = int.Min(end, certain);
            if (end > _shown)
                yield return whole[_shown..end];
            _shown = end;
        }
    }
}
