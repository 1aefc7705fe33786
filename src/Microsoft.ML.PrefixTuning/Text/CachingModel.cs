using System;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// Remembers the ids of short pieces: most pieces of a text are words that came before. Bounded; safe for concurrent
/// use.
/// </summary>
/// <param name="model">What makes the ids.</param>
internal sealed class CachingModel(TokenModel model) : TokenModel
{
    // Characters: longer pieces seldom come again. About 3 MB where all places are taken.
    private const int LongestPiece = 16, MostPieces = 1 << 15;

    private readonly ConcurrentDictionary<string, int[]> _known = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>Pieces remembered.</summary>
    public int Count => _known.Count;

    public override void Encode(ReadOnlySpan<char> piece, TokenSink sink)
    {
        if (piece.Length > LongestPiece || sink.Spans is not null)
        {
            model.Encode(piece, sink);
            return;
        }
        if (_known.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(piece, out int[]? ids))
        {
            sink.Ids.AddRange(ids);
            return;
        }
        (int before, int lost) = (sink.Ids.Count, sink.LostBytes);
        model.Encode(piece, sink);
        // A piece with lost bytes tells more than its ids.
        if (sink.LostBytes == lost)
            Remember(piece.ToString(), CollectionsMarshal.AsSpan(sink.Ids)[before..].ToArray());
    }

    private void Remember(string piece, int[] ids)
    {
        // Beginning anew costs each piece one encoding; telling old ones from new ones would cost every look-up.
        if (Volatile.Read(ref _count) >= MostPieces)
        {
            _known.Clear();
            Volatile.Write(ref _count, 0);
        }
        if (_known.TryAdd(piece, ids))
            Interlocked.Increment(ref _count);
    }
}
