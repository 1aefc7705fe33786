using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>While it lives, the first Ctrl-C cancels, and a second one ends the process.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _cancellation;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <param name="cancellation">Is cancelled; stays the caller's.</param>
    public Interruption(CancellationTokenSource cancellation)
    {
        _cancellation = cancellation;
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
    }

    private void Cancel(PosixSignalContext signal)
    {
        signal.Cancel = !_cancellation.IsCancellationRequested;
        _cancellation.Cancel();
    }
}
