using System;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// How much of the prompts one pass reads, so that its masks and inner activations stay small beside the weights.
/// </summary>
internal static class ReadingPass
{
    /// <summary>Tokens that one pass takes at most where nothing waits for it.</summary>
    public const int MostTokens = 2048;

    // Short rows together are as many pieces of a long one, up to what a pass takes at all: a token of many costs far
    // less than one of few, and a short row that is read with others waits for no pass but its own.
    private const int PiecesOfPass = 4;

    // Numbers of a mask: 128 MiB in float32.
    private const long MostMaskNumbers = 1 << 25;

    /// <summary>Tokens of short rows that a pass takes where it takes so many of a long one.</summary>
    /// <param name="piece">Tokens of a long row.</param>
    public static int TokensBeside(int piece) => (int)Math.Max(piece, Math.Min((long)PiecesOfPass * piece, MostTokens));

    /// <summary>Whether rows are read together.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="longest">Tokens of the longest.</param>
    /// <param name="most">Tokens of a pass.</param>
    public static bool Holds(int rows, int longest, int most = MostTokens) => (long)rows * longest <= most;

    /// <summary>
    /// Tokens of each row that a pass reads, at least one: all of them, or of long rows a part. The parts are alike, so
    /// that none is left that is read as a single token is.
    /// </summary>
    /// <param name="rows">B.</param>
    /// <param name="longest">Tokens of the longest row.</param>
    /// <param name="prefixColumns">P.</param>
    /// <param name="group">R: query heads that share a key/value head; each has its own rows of the mask.</param>
    /// <param name="most">Tokens of a pass.</param>
    public static int Tokens(int rows, int longest, int prefixColumns, int group, int most = MostTokens)
    {
        long ofToken = (long)rows * group * ((long)prefixColumns + longest);
        return Next(longest, (int)Math.Clamp(Math.Min(most / rows, MostMaskNumbers / ofToken), 1, longest));
    }

    /// <summary>Tokens of the next part, of those that are left: the parts that it takes are alike.</summary>
    /// <param name="left">Tokens that are left, at least one.</param>
    /// <param name="most">Tokens of a part at most.</param>
    public static int Next(int left, int most)
    {
        int parts = (left - 1) / most + 1;
        return (left - 1) / parts + 1;
    }
}
