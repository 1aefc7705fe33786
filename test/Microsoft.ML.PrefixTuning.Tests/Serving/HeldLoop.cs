using System;
using System.Threading;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>
/// Holds a generator after some tokens until it is disposed, so that a text is still being written for as long as a
/// test wants, on any machine.
/// </summary>
internal sealed class HeldLoop : IDisposable
{
    // Enough for the first pieces: a character may need several.
    private const int Tokens = 8;

    private readonly TextGenerator _generator;
    private readonly TaskCompletionSource _released = new();
    private int _written;

    /// <param name="generator">The generator; to be disposed later than this.</param>
    public HeldLoop(TextGenerator generator)
    {
        _generator = generator;
        generator.BetweenTokens = () =>
        {
            if (Interlocked.Increment(ref _written) >= Tokens)
                _released.Task.Wait();
        };
    }

    public void Dispose()
    {
        _generator.BetweenTokens = null;
        _released.TrySetResult();
    }
}
