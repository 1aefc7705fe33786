using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// While it lives, the first Ctrl-C is acknowledged at once and cancels, and a second one ends the process.
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>What is said at once.</summary>
    public const string Acknowledgement =
        "Cancelling: what is under way ends with its step. A second Ctrl-C ends the command at once.";

    private readonly CancellationTokenSource _cancellation;
    private readonly Action<string> _say;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <param name="cancellation">Is cancelled; stays the caller's.</param>
    /// <param name="say">Takes the acknowledgement.</param>
    public Interruption(CancellationTokenSource cancellation, Action<string> say)
    {
        (_cancellation, _say) = (cancellation, say);
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Take);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Take);
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
    }

    /// <summary>Takes a signal: the first one is acknowledged, and then what is under way hears of it.</summary>
    internal void Take(PosixSignalContext signal)
    {
        signal.Cancel = !_cancellation.IsCancellationRequested;
        if (signal.Cancel)
            _say(Acknowledgement);
        _cancellation.Cancel();
    }
}
