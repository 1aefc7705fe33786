using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// Reads a text in UTF-8, or in what its byte order mark says, wherever it comes from; other bytes are an error and not
/// replaced. Nothing is read before it is asked for, and at first no more than a line, which may be typed.
/// </summary>
/// <param name="stream">Where it comes from; owned. It need not be able to go back.</param>
internal sealed class MarkedReader(Stream stream) : TextReader
{
    private StreamReader? _text;

    /// <summary>The encoding; UTF-8 before anything was read.</summary>
    public Encoding Encoding => _text?.CurrentEncoding ?? TextFiles.Utf8;

    // What is no text is told by an InvalidDataException whose message says what it is.
    private StreamReader Text => _text ??= Begin();

    public override int Peek() => Text.Peek();

    public override int Read() => Text.Read();

    public override int Read(char[] buffer, int index, int count) => Text.Read(buffer, index, count);

    public override int Read(Span<char> buffer) => Text.Read(buffer);

    public override string? ReadLine() => Text.ReadLine();

    public override string ReadToEnd() => Text.ReadToEnd();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _text?.Dispose();
            stream.Dispose();
        }
        base.Dispose(disposing);
    }

    private StreamReader Begin()
    {
        var bytes = new byte[FileHint.Start];
        int count = 0;
        bool hasMore = true;
        while (hasMore && count < bytes.Length && !bytes.AsSpan(0, count).Contains((byte)'\n'))
        {
            int read = stream.Read(bytes, count, bytes.Length - count);
            hasMore = read > 0;
            count += read;
        }
        ReadOnlySpan<byte> start = bytes.AsSpan(0, count);
        if (FileHint.WithoutText(start) is { } other)
            throw new InvalidDataException(other);
        // A terminal that was at its end would be asked for more.
        var whole = new BegunStream(bytes.AsMemory(0, count), hasMore ? stream : Stream.Null);
        // A reader that looks for a mark itself replaces bytes that are no text.
        return new StreamReader(whole, TextFiles.EncodingOf(start), detectEncodingFromByteOrderMarks: false);
    }

    /// <summary>Bytes that were read before, and the rest.</summary>
    private sealed class BegunStream(ReadOnlyMemory<byte> start, Stream rest) : Stream
    {
        private ReadOnlyMemory<byte> _start = start;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            if (_start.IsEmpty)
                return rest.Read(buffer);
            int count = Math.Min(_start.Length, buffer.Length);
            _start.Span[..count].CopyTo(buffer);
            _start = _start[count..];
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
