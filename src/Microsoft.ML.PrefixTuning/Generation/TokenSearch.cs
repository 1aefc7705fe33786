using System.Diagnostics;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The search for one row's continuations, token by token, in one or more lanes (beams or draws) that the model runs
/// side by side. Knows scores and ids, nothing of models: testable on toy tables.
/// </summary>
/// <param name="lanes">Lanes of the row.</param>
internal abstract class TokenSearch(int lanes)
{
    /// <summary>For each lane, the token that it goes on with. Valid while not <see cref="IsDone"/>.</summary>
    public int[] Tokens { get; } = new int[lanes];

    /// <summary>For each lane, the lane whose text it continues.</summary>
    public int[] Parents { get; } = new int[lanes];

    public abstract bool IsDone { get; }

    /// <summary>The text where there is one only, which grows and never changes; null for beams and several draws.
    /// </summary>
    public WrittenText? Single => Tokens.Length == 1 ? TextOf(0) : null;

    /// <summary>The text of a lane, which grows and never changes; null for beams, where it does.</summary>
    public virtual WrittenText? TextOf(int lane) => null;

    /// <summary>Whether scores must be log-probabilities rather than logits.</summary>
    public virtual bool WantsLogProbabilities => false;

    /// <summary>Lanes that a row has under some rules.</summary>
    public static int LanesOf(GenerationRules rules) => rules.Decoding switch
    {
        GreedyDecoding => 1,
        BeamDecoding beam => beam.Width,
        SamplingDecoding => rules.SequenceCount,
        _ => throw new UnreachableException($"Decoding {rules.Decoding} is not known here."),
    };

    /// <summary>The search that the rules ask for.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="constraints">Their constraints.</param>
    /// <param name="prompt">The row, whose own ids and draw seed its draws.</param>
    /// <param name="text">The empty text behind the prompt.</param>
    public static TokenSearch Start(GenerationRules rules, TokenConstraints constraints, GenerationPrompt prompt,
        WrittenText text) =>
        rules.Decoding switch
        {
            GreedyDecoding => new GreedySearch(rules, constraints, text),
            BeamDecoding beam => new BeamSearch(rules, beam, constraints, text),
            SamplingDecoding sampling => new SampledSearch(rules, sampling, constraints,
                [.. Enumerable.Range(0, rules.SequenceCount)
                    .Select(number => new TokenDraws(sampling.Seed, prompt.Source, number, prompt.Draw))], text),
            _ => throw new UnreachableException($"Decoding {rules.Decoding} is not known here."),
        };

    /// <summary>Chooses the next tokens.</summary>
    /// <param name="scores">Of every lane, or of the one lane that there is at the start.</param>
    public abstract void Advance(TokenScores scores);

    /// <summary>The continuations, best first. Asked once, when the search is done.</summary>
    public abstract GeneratedSequence[] Results();
}
