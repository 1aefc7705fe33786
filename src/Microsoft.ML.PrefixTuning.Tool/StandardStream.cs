using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>Standard output or standard error, where it cannot be written too: on a full disk, or closed.</summary>
/// <param name="stream">Where what is written goes; owned.</param>
/// <param name="failed">Called where that cannot be.</param>
internal sealed class StandardStream(Stream stream, Action<Exception> failed) : Stream
{
    /// <summary>
    /// Takes messages. Those that cannot be written are lost: what they tell of, a training of hours perhaps, goes on.
    /// </summary>
    public static StandardStream OfMessages(Stream stream) => new(stream, _ => { });

    /// <summary>Takes results. That they cannot be written is a fault.</summary>
    public static StandardStream OfResults(Stream stream) => new(stream, fault =>
        throw new IOException($"Standard output could not be written: {fault.Message}", fault));

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
        // The latter where it is closed.
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            failed(fault);
        }
    }

    public override void Flush()
    {
        try
        {
            stream.Flush();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            failed(fault);
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
