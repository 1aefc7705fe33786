using System;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// How much of the prompts one pass reads, so that its masks and inner activations stay small beside the weights.
/// </summary>
internal static class ReadingPass
{
    private const int MostTokens = 2048;

    // Numbers of a mask: 128 MiB in float32.
    private const long MostMaskNumbers = 1 << 25;

    /// <summary>Whether rows are read together.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="longest">Tokens of the longest.</param>
    public static bool Holds(int rows, int longest) => (long)rows * longest <= MostTokens;

    /// <summary>Tokens of each row that a pass reads, at least one: all of them, or of long rows a part.</summary>
    /// <param name="rows">B.</param>
    /// <param name="longest">Tokens of the longest row.</param>
    /// <param name="prefixColumns">P.</param>
    /// <param name="group">R: query heads that share a key/value head; each has its own rows of the mask.</param>
    public static int Tokens(int rows, int longest, int prefixColumns, int group)
    {
        long ofToken = (long)rows * group * ((long)prefixColumns + longest);
        return (int)Math.Clamp(Math.Min(MostTokens / rows, MostMaskNumbers / ofToken), 1, longest);
    }
}
