using System;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// From scores to a distribution (temperature, the k best, the smallest set of mass p, what reaches a share of the
/// largest) and a draw from it.
/// </summary>
/// <param name="decoding">The settings.</param>
internal sealed class TokenSampler(SamplingDecoding decoding)
{
    /// <summary>Turns logits into the probabilities that are drawn from, in place; tokens left out have 0.</summary>
    /// <param name="scores">[V]; where all are banned, all probabilities are 0.</param>
    public void Shape(Span<float> scores)
    {
        if (float.IsNegativeInfinity(scores[GreedySearch.Largest(scores)]))
        {
            scores.Clear();
            return;
        }
        Softmax(scores, (float)decoding.Temperature);
        if (decoding.TopK > 0 && decoding.TopK < scores.Length)
            KeepMostProbable(scores, decoding.TopK);
        if (decoding.TopP < 1)
            KeepMass(scores, decoding.TopP);
        // Of the largest: what was taken out before changes no share of it.
        if (decoding.MinP > 0)
            KeepAtLeast(scores, (float)(decoding.MinP * scores[GreedySearch.Largest(scores)]));
        Divide(scores, Sum(scores));
    }

    /// <summary>
    /// The token in which a point of the unit interval falls when the probabilities are laid end to end.
    /// </summary>
    /// <param name="probabilities">[V], of sum 1 but for rounding.</param>
    /// <param name="point">In [0, 1).</param>
    /// <returns>Token -1 where all probabilities are 0.</returns>
    public static (int Token, double LogProbability) Draw(ReadOnlySpan<float> probabilities, double point)
    {
        double passed = 0;
        int last = -1;
        for (int token = 0; token < probabilities.Length; token++)
        {
            if (probabilities[token] == 0)
                continue;
            passed += probabilities[token];
            last = token;
            if (point < passed)
                break;
        }
        return (last, last < 0 ? double.NegativeInfinity : Math.Log(probabilities[last]));
    }

    private static void Softmax(Span<float> scores, float temperature)
    {
        float largest = scores[GreedySearch.Largest(scores)];
        Span<Vector<float>> blocks = MemoryMarshal.Cast<float, Vector<float>>(scores);
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Vector.Exp((blocks[i] - new Vector<float>(largest)) / temperature);
        for (int i = blocks.Length * Vector<float>.Count; i < scores.Length; i++)
            scores[i] = MathF.Exp((scores[i] - largest) / temperature);
        Divide(scores, Sum(scores));
    }

    private static void KeepMostProbable(Span<float> probabilities, int count)
    {
        float[] sorted = probabilities.ToArray();
        Array.Sort(sorted);
        KeepAtLeast(probabilities, sorted[^count]);
        Divide(probabilities, Sum(probabilities));
    }

    private static void KeepMass(Span<float> probabilities, double mass)
    {
        // Tokens below this hold less than 1 - mass together, so the set that is looked for is among the others.
        float floor = (float)((1 - mass) / probabilities.Length);
        float[] sorted = new float[probabilities.Length];
        int count = 0;
        foreach (float probability in probabilities)
        {
            if (probability >= floor)
                sorted[count++] = probability;
        }
        Array.Sort(sorted, 0, count);
        double held = 0;
        int least = count;
        while (least > 0 && held < mass)
            held += sorted[--least];
        KeepAtLeast(probabilities, sorted[least]);
    }

    private static void KeepAtLeast(Span<float> probabilities, float least)
    {
        Span<Vector<float>> blocks = MemoryMarshal.Cast<float, Vector<float>>(probabilities);
        var leasts = new Vector<float>(least);
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Vector.ConditionalSelect(Vector.LessThan(blocks[i], leasts), Vector<float>.Zero, blocks[i]);
        for (int i = blocks.Length * Vector<float>.Count; i < probabilities.Length; i++)
        {
            if (probabilities[i] < least)
                probabilities[i] = 0;
        }
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += value;
        return sum;
    }

    private static void Divide(Span<float> values, double divisor) =>
        TensorPrimitives.Multiply<float>(values, (float)(1 / divisor), values);
}
