using System;
using System.Linq;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// Whether states of sequences are what they are taken for, tried at load: keys and values read out of the state of
/// some tokens must be in the first layer those that this library's own graph makes of them, and put into the state of
/// other tokens they must give the scores of the first ones. So a llama.cpp that keeps them otherwise is an error.
/// </summary>
/// <param name="model">The model.</param>
internal sealed class StateCheck(LlamaModel model)
{
    private const int Length = 4, Sequences = 2;

    // llama.cpp rounds what it multiplies with quantised weights to 8 bits, and what it keeps to 16.
    private const double GraphTolerance = 0.1;

    // The same numbers, added up in another order at most.
    private const double ScoreTolerance = 1e-3;

    /// <summary>Tries it.</summary>
    /// <exception cref="NotSupportedException">They are not.</exception>
    public void Run()
    {
        int[] ids = Tokens(Length, model.Spec.VocabularySize, first: 0);
        SiteShape shape = SiteShape.Of(model.Spec, AttentionSite.Decoder, Length);
        using SafeLLamaContextHandle context = model.OpenContext(Sequences, Sequences * (Length + 1), Length);
        context.Read(0, ids);
        byte[] state = model.ReadState(context, 0);
        float[] values = StateLayout.Read(state, shape, model.Form).Values(state);
        Compare(FirstLayer.KeysAndValues(model.Description.Path, ids), values);
        context.SetSequence(1, model.MakeState(shape.With(values)));
        float[] expected = context.Scores(0, Length, ids[0]), found = context.Scores(1, Length, ids[0]);
        double largest = expected.Max(Math.Abs), difference = Largest(expected, found);
        // Also not a number.
        if (!(difference <= ScoreTolerance * largest))
            throw Fault(Text($"scores behind a prefix made of tokens within {ScoreTolerance * largest:G3} of those")
                + Text($" behind the tokens, found them {difference:G3} apart"));
    }

    /// <summary>Some tokens of a vocabulary.</summary>
    public static int[] Tokens(int count, int vocabularySize, int first) =>
        [.. Enumerable.Range(first, count).Select(i => (int)((i * 7919L + 101) % vocabularySize))];

    /// <summary>Compares the first layer: keys, then values.</summary>
    private static void Compare(float[] expected, float[] found)
    {
        int half = expected.Length / 2;
        foreach ((string what, Range part) in ((string, Range)[])[("keys", ..half), ("values", half..expected.Length)])
        {
            double distance = Distance(expected.AsSpan(part), found.AsSpan(part));
            if (!(distance <= GraphTolerance))
                throw Fault(Text($"{what} of the first layer within {GraphTolerance} of this library's own, in parts")
                    + Text($" of their length, found them {distance:G3} apart"));
        }
    }

    private static double Distance(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        double apart = 0, length = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            apart += Math.Pow(expected[i] - found[i], 2);
            length += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(apart / length);
    }

    private static double Largest(float[] expected, float[] found) =>
        expected.Zip(found, (one, other) => Math.Abs((double)one - other)).Max();

    private static NotSupportedException Fault(string expected) => new(
        $"State of a sequence of this llama.cpp: expected {expected}. It keeps keys and values otherwise than is known"
        + " here: use the version of LLamaSharp that this package was made for.");

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
