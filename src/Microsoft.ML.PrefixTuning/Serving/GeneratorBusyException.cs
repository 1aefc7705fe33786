using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// As many requests wait as may (<see cref="TextGeneratorOptions.QueueLimit"/>). One may be made again later.
/// </summary>
public sealed class GeneratorBusyException : InvalidOperationException
{
    /// <summary>The exception with its message.</summary>
    public GeneratorBusyException(string message)
        : base(message)
    {
    }

    /// <summary>The exception with its message and cause.</summary>
    public GeneratorBusyException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The exception without a message of its own.</summary>
    public GeneratorBusyException()
    {
    }
}
