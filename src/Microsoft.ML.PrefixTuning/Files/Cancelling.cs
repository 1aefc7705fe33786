using System;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// What may call off long work that this thread waits for: reading the weights of a base, or writing the texts of rows
/// that it reads. It goes with the flow of the call and not through every reader between.
/// </summary>
internal static class Cancelling
{
    private static readonly AsyncLocal<Action?> Present = new();

    /// <summary>Does something that may be called off.</summary>
    /// <param name="checkAlive">Called again and again; throws to call it off.</param>
    /// <param name="work">What is done.</param>
    public static T By<T>(Action checkAlive, Func<T> work)
    {
        Action? before = Present.Value;
        Present.Value = checkAlive;
        try
        {
            return work();
        }
        finally
        {
            Present.Value = before;
        }
    }

    /// <summary>Ends the work where it was called off.</summary>
    /// <exception cref="OperationCanceledException">It was.</exception>
    public static void CheckAlive() => Present.Value?.Invoke();
}
