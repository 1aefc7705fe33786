namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>One continuation.</summary>
/// <param name="Ids">New ids, up to and with the end token where there is one.</param>
/// <param name="Score">
/// Beams: sum of log-probabilities / length^penalty. Sampling: sum of the log-probabilities of what was drawn. Greedy:
/// <see cref="double.NaN"/>, since the log-probabilities are not computed.
/// </param>
/// <param name="IsFinished">Whether an end token or a stop condition ended it, not the length.</param>
internal sealed record GeneratedSequence(int[] Ids, double Score, bool IsFinished);
