using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// Takes messages. Where they cannot be written, as on a full disk that has the log, they are lost: what they tell of,
/// a training of hours perhaps, goes on.
/// </summary>
/// <param name="stream">Where they go; owned.</param>
internal sealed class MessageStream(Stream stream) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            stream.Write(buffer);
        }
        catch (IOException)
        {
            // There is nobody to tell it to.
        }
    }

    public override void Flush()
    {
        try
        {
            stream.Flush();
        }
        catch (IOException)
        {
            // As above.
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            stream.Dispose();
        base.Dispose(disposing);
    }
}
