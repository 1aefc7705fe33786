using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;
using System.Text.Unicode;

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
            text.Write(BytesOf(id, ref first));
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    /// <summary>The text of as many ids as there is room for, cut between characters.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="destination">Takes the text.</param>
    /// <param name="idsConsumed">Ids whose text was written.</param>
    /// <param name="charsWritten">Characters of it.</param>
    public OperationStatus Decode(
        IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        (idsConsumed, charsWritten) = (0, 0);
        var pending = new ArrayBufferWriter<byte>();
        int read = 0, written = 0;
        bool first = true;
        foreach (int id in ids)
        {
            read++;
            pending.Write(BytesOf(id, ref first));
            // The beginning of a character waits for the ids that end it.
            OperationStatus status = Utf8.ToUtf16(
                pending.WrittenSpan, destination[written..], out int used, out int more, isFinalBlock: false);
            if (status == OperationStatus.DestinationTooSmall)
                return status;
            written += more;
            byte[] rest = pending.WrittenSpan[used..].ToArray();
            pending.ResetWrittenCount();
            pending.Write(rest);
            if (rest.Length == 0)
                (idsConsumed, charsWritten) = (read, written);
        }
        OperationStatus end = Utf8.ToUtf16(pending.WrittenSpan, destination[written..], out _, out int last);
        if (end == OperationStatus.DestinationTooSmall)
            return end;
        (idsConsumed, charsWritten) = (read, written + last);
        return OperationStatus.Done;
    }

    /// <summary>Begins a text whose ids come one by one.</summary>
    public TokenTextStream Begin() => new(this);

    /// <summary>The bytes of the next id of a text.</summary>
    /// <param name="id">The id.</param>
    /// <param name="first">Whether no id with text came before; set to false by one.</param>
    internal ReadOnlySpan<byte> BytesOf(int id, ref bool first)
    {
        if (id < 0 || id >= bytes.Count || bytes[id].Length == 0)
            return default;
        bool dropsSpace = first && wordBegins is not null && wordBegins.Contains(id);
        first = false;
        return dropsSpace ? bytes[id].AsSpan(1) : bytes[id];
    }
}
