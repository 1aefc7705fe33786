using System;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// A request on its way: its row, who waits for it and whether he still does. It ends once, with sequences, a fault or
/// a cancellation; what comes later has no effect. Safe for concurrent use.
/// </summary>
internal sealed class Ticket : IDisposable
{
    private readonly TaskCompletionSource<GeneratedSequence[]> _end =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<int>? _tokens;
    private readonly CancellationTokenRegistration _registration;
    private int _told;

    /// <param name="row">The row.</param>
    /// <param name="isStreamed">Whether its tokens are wanted one by one.</param>
    /// <param name="cancellation">Ends it.</param>
    public Ticket(ActiveRow row, bool isStreamed, CancellationToken cancellation)
    {
        Row = row;
        _tokens = isStreamed
            ? Channel.CreateUnbounded<int>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = false })
            : null;
        _registration = cancellation.Register(() => Cancel(cancellation));
    }

    /// <summary>The row; touched by the thread that writes only.</summary>
    public ActiveRow Row { get; }

    /// <summary>The sequences, when the row is done.</summary>
    public Task<GeneratedSequence[]> End => _end.Task;

    /// <summary>The tokens of a streamed row, as they come; complete when the row ends, however it does.</summary>
    public ChannelReader<int> Tokens => _tokens!.Reader;

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsEnded => _end.Task.IsCompleted;

    /// <summary>Hands on the tokens that came since the last call.</summary>
    public void Tell()
    {
        if (_tokens is null || Row.Search.Single is not { } text)
            return;
        for (; _told < text.NewCount; _told++)
            _tokens.Writer.TryWrite(text.NewAt(_told));
    }

    /// <summary>Ends it with what its row has: sequences or a fault.</summary>
    public void Complete()
    {
        if (Row.Fault is { } fault)
        {
            Fail(fault);
            return;
        }
        Tell();
        _end.TrySetResult(Row.Search.Results());
        _tokens?.Writer.TryComplete();
    }

    /// <summary>Ends it with a fault.</summary>
    public void Fail(Exception fault)
    {
        _end.TrySetException(fault);
        _tokens?.Writer.TryComplete();
    }

    public void Dispose() => _registration.Dispose();

    private void Cancel(CancellationToken cancellation)
    {
        _end.TrySetCanceled(cancellation);
        _tokens?.Writer.TryComplete();
    }
}
