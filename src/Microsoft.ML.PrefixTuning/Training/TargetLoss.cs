using System;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Cross-entropy of target tokens in chunks, so that [tokens, vocabulary] never exists whole. The head is frozen, so
/// the gradient of the hidden states is made in the same pass. In float32 whatever the type of the base.
/// </summary>
internal static class TargetLoss
{
    // Scores of one chunk: 32 MB in float32. Smaller ones read the head too often, larger ones leave the processor's
    // caches.
    public const long ChunkNumbers = 1L << 23;

    // Where each chunk widens the head anew: twice as many, so that the products take several times as long as that.
    private const long StoredChunkNumbers = 1L << 24;

    /// <summary>The sum of the tokens' losses, without label smoothing.</summary>
    /// <param name="model">The base.</param>
    /// <param name="hidden">[T, E] at the positions that predict the labels.</param>
    /// <param name="labels">[T], int64.</param>
    public static double Sum(LanguageModel model, Tensor hidden, Tensor labels)
    {
        if (StoredHeadLoss.Suits(model))
            return StoredHeadLoss.Sum(model, hidden, labels);
        double sum = 0;
        long count = hidden.size(0), size = ChunkTokens(model);
        using var noGradient = no_grad();
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            long length = Math.Min(size, count - start);
            Tensor scores = LogProbabilities(model.Logits(hidden.narrow(0, start, length)));
            sum += Losses(scores, labels.narrow(0, start, length), 0);
        }
        return sum;
    }

    /// <summary>The sum of the tokens' losses and its gradient.</summary>
    /// <param name="model">The base.</param>
    /// <param name="hidden">[T, E] at the positions that predict the labels.</param>
    /// <param name="labels">[T], int64.</param>
    /// <param name="smoothing">Share of each label's probability spread over the vocabulary.</param>
    /// <returns>The sum, and its gradient with respect to <paramref name="hidden"/>, [T, E] in its type.</returns>
    public static (double Sum, Tensor Gradient) WithGradient(LanguageModel model, Tensor hidden, Tensor labels,
        double smoothing)
    {
        if (StoredHeadLoss.Suits(model))
            return StoredHeadLoss.WithGradient(model, hidden, labels, smoothing);
        double sum = 0;
        long count = hidden.size(0), size = ChunkTokens(model);
        using var noGradient = no_grad();
        Tensor gradient = empty_like(hidden);
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            long length = Math.Min(size, count - start);
            Tensor wanted = labels.narrow(0, start, length);
            Tensor logits = model.Logits(hidden.narrow(0, start, length));                     // [C, V]
            Tensor scores = LogProbabilities(logits);
            sum += Losses(scores, wanted, smoothing);
            ToGradient(scores, wanted, smoothing);
            gradient.narrow(0, start, length).copy_(model.HiddenGradient(scores.to(hidden.dtype), logits));
        }
        return (sum, gradient);
    }

    /// <summary>Tokens of one chunk, for which the head is used as a whole.</summary>
    public static long ChunkTokens(LanguageModel model) =>
        ChunkTokens(model.Weights.Head.Rows, model.Weights.Head is StoredMatrix);

    /// <summary>The same for a vocabulary.</summary>
    /// <param name="vocabulary">V.</param>
    /// <param name="isStored">Whether the head is widened for each chunk.</param>
    public static long ChunkTokens(long vocabulary, bool isStored) =>
        Math.Max(1, (isStored ? StoredChunkNumbers : ChunkNumbers) / vocabulary);

    /// <summary>
    /// Log-probabilities become the gradient of the loss with respect to the scores: probability minus wanted
    /// probability.
    /// </summary>
    private static void ToGradient(Tensor scores, Tensor labels, double smoothing)
    {
        scores.exp_();
        if (smoothing > 0)
            scores.sub_(Scalars.Real(smoothing / scores.size(Axis.Last)));
        Tensor column = labels.unsqueeze(-1);
        scores.scatter_add_(1, column, full_like(column, Scalars.Real(smoothing - 1), ScalarType.Float32));
    }

    private static Tensor LogProbabilities(Tensor logits) => logits.log_softmax(Axis.Last, ScalarType.Float32);

    /// <summary>(1 - s) times the label's loss plus s times the mean loss of all tokens, added up in double.</summary>
    private static double Losses(Tensor logProbabilities, Tensor labels, double smoothing)
    {
        Tensor ofLabels = logProbabilities.gather(1, labels.unsqueeze(-1)).to(ScalarType.Float64).sum();
        double sum = -ofLabels.ToDouble();
        if (smoothing == 0)
            return sum;
        double spread = -logProbabilities.mean([Axis.Last]).to(ScalarType.Float64).sum().ToDouble();
        return (1 - smoothing) * sum + smoothing * spread;
    }
}
