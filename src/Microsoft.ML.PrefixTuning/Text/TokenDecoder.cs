using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>Ids to text: each token stands for some bytes of UTF-8.</summary>
/// <param name="bytes">The bytes by id; empty for tokens that are no text.</param>
/// <param name="wordBegins">Ids of tokens whose space is dropped at the beginning of a text; null if none is.</param>
internal sealed class TokenDecoder(IReadOnlyList<byte[]> bytes, IReadOnlySet<int>? wordBegins)
{
    /// <summary>
    /// The text. Ids without a token (models round the rows of their embedding up) are left out, and each maximal
    /// invalid part of the bytes becomes one U+FFFD.
    /// </summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var text = new ArrayBufferWriter<byte>();
        bool first = true;
        foreach (int id in ids)
        {
            if (id < 0 || id >= bytes.Count || bytes[id].Length == 0)
                continue;
            bool dropsSpace = first && wordBegins is not null && wordBegins.Contains(id);
            text.Write(dropsSpace ? bytes[id].AsSpan(1) : bytes[id]);
            first = false;
        }
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }
}
