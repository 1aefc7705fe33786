namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// The most that options may ask for where memory or time follows from the number alone, so that a slip of the keyboard
/// is told before anything is loaded. Far beyond what helps; what a base has room for may be less.
/// </summary>
internal static class OptionBounds
{
    /// <summary>Beams or draws of a row: each has a lane of the key/value cache of its own.</summary>
    public const int Sequences = 1024;

    /// <summary>
    /// Tokens of a text: the longest context windows of today have as many. More may be asked for where a window bounds
    /// a text anyway, and are not written.
    /// </summary>
    public const int NewTokens = 1 << 20;

    /// <summary>Tokens of a prefix.</summary>
    public const int PrefixTokens = 1 << 15;

    /// <summary>Threads of the processor: torch makes as many at once, and ends the process where it cannot.</summary>
    public const int Threads = 1024;

    /// <summary>Width of a network's hidden layers: its numbers grow with the square.</summary>
    public const int NetworkWidth = 1 << 14;

    /// <summary>Hidden layers of a network.</summary>
    public const int NetworkDepth = 64;

    /// <summary>Words that a search tries a step: each is a forward pass.</summary>
    public const int Candidates = 10_000;

    /// <summary>Questions about a part of a document: each is a text that is written.</summary>
    public const int Questions = 10_000;
}
