using System;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The fixed position table of Vaswani et al. (2017, §3.5), sines in the first half of a row and cosines in the second,
/// as Pegasus has it.
/// </summary>
internal static class Sinusoid
{
    private const double Base = 10_000;

    /// <summary>The table.</summary>
    /// <param name="positions">Rows.</param>
    /// <param name="width">E.</param>
    /// <returns>[positions, width], row by row.</returns>
    public static float[] Table(int positions, int width)
    {
        var table = new float[positions * width];
        int sines = (width + 1) / 2;
        for (int i = 0; i < table.Length; i++)
        {
            int position = i / width, column = i % width;
            int pair = column < sines ? column : column - sines;
            double angle = position / Math.Pow(Base, 2.0 * pair / width);
            table[i] = (float)(column < sines ? Math.Sin(angle) : Math.Cos(angle));
        }
        return table;
    }
}
