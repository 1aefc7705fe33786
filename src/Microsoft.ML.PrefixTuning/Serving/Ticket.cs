using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Signals;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// A request on its way: its row, who waits for it and whether he still does. It ends once, with sequences, a fault or
/// a cancellation; what comes later has no effect. Safe for concurrent use.
/// </summary>
internal sealed class Ticket : IDisposable
{
    private readonly TaskCompletionSource<GeneratedSequence[]> _end =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<WrittenToken>? _tokens;
    private readonly CancellationTokenRegistration _registration;
    private readonly long _arrival = Stopwatch.GetTimestamp();
    private int _told;
    private int _counted;

    /// <param name="row">The row.</param>
    /// <param name="prefix">What it is written with; a use of it, which the ticket takes.</param>
    /// <param name="isStreamed">Whether its tokens are wanted one by one.</param>
    /// <param name="cancellation">Ends it.</param>
    public Ticket(ActiveRow row, ServedPrefix prefix, bool isStreamed, CancellationToken cancellation)
    {
        (Row, Prefix) = (row, prefix);
        _tokens = isStreamed
            ? Channel.CreateUnbounded<WrittenToken>(
                new UnboundedChannelOptions { SingleReader = true, SingleWriter = false }) : null;
        _registration = cancellation.Register(() => Cancel(cancellation));
    }

    /// <summary>The row; touched by the thread that writes only.</summary>
    public ActiveRow Row { get; }

    /// <summary>What it is written with.</summary>
    public ServedPrefix Prefix { get; }

    /// <summary>The sequences, when the row is done.</summary>
    public Task<GeneratedSequence[]> End => _end.Task;

    /// <summary>The tokens of a streamed row, as they come; complete when the row ends, however it does.</summary>
    public ChannelReader<WrittenToken> Tokens => _tokens!.Reader;

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsEnded => _end.Task.IsCompleted;

    /// <summary>Hands on the tokens that came since the last call.</summary>
    /// <param name="signals">Is told how many.</param>
    public void Tell(ServingSignals signals)
    {
        Count(signals, Row.NewTokens);
        Tell();
    }

    /// <summary>Ends it with what its row has: sequences or a fault.</summary>
    /// <param name="signals">Is told how many tokens there are.</param>
    public void Complete(ServingSignals signals)
    {
        if (Row.Fault is { } fault)
        {
            Fail(fault);
            return;
        }
        GeneratedSequence[] sequences = Row.Search.Results();
        Count(signals, sequences.Sum(sequence => sequence.Ids.Length));
        Tell();
        _end.TrySetResult(sequences);
        _tokens?.Writer.TryComplete();
    }

    /// <summary>Ends it with a fault.</summary>
    public void Fail(Exception fault)
    {
        _end.TrySetException(fault);
        _tokens?.Writer.TryComplete();
    }

    /// <summary>The loop has nothing to do with it any more: tells its outcome and ends the use of its prefix.
    /// </summary>
    public void Leave(ServingSignals signals)
    {
        signals.Ended(Prefix.Name, _end.Task.IsCompletedSuccessfully ? RequestOutcome.Done
            : _end.Task.IsFaulted ? RequestOutcome.Failed : RequestOutcome.Cancelled);
        Prefix.Give();
    }

    public void Dispose() => _registration.Dispose();

    private void Tell()
    {
        if (_tokens is null || Row.Search.Single is not { } text)
            return;
        for (; _told < text.NewCount; _told++)
            _tokens.Writer.TryWrite(new WrittenToken(text.NewAt(_told), Row.Record?[0][_told]));
    }

    private void Count(ServingSignals signals, int written)
    {
        if (written <= _counted)
            return;
        if (_counted == 0)
            signals.FirstToken(Prefix.Name, _arrival);
        signals.Tokens(Prefix.Name, written - _counted);
        _counted = written;
    }

    private void Cancel(CancellationToken cancellation)
    {
        _end.TrySetCanceled(cancellation);
        _tokens?.Writer.TryComplete();
    }
}

/// <summary>A token of a streamed text.</summary>
/// <param name="Id">The token.</param>
/// <param name="Record">How probable it was; null where nobody asks.</param>
internal readonly record struct WrittenToken(int Id, RecordedToken? Record);
