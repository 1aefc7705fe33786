using System;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// From logits to the rows' next tokens: on the device where only the largest is wanted, otherwise through each row's
/// search over scores in managed reach. Owns the suppressed ids on the device.
/// </summary>
internal sealed class NextTokens : IDisposable
{
    private static readonly Scalar s_banned = float.NegativeInfinity.ToScalar();
    private readonly Tensor? _suppressed;
    private readonly bool _onlyLargest;

    public NextTokens(GenerationRules rules, Device device)
    {
        var constraints = new TokenConstraints(rules);
        _onlyLargest = rules.Decoding is GreedyDecoding && constraints.OnlySuppress;
        if (_onlyLargest && constraints.Suppressed.Length > 0)
            _suppressed = tensor(constraints.Suppressed.ToArray(), ScalarType.Int64, device).DetachFromDisposeScope();
    }

    /// <summary>Lets every row go on by one token.</summary>
    /// <param name="logits">
    /// [rows * lanes, V], changed in place: all lanes of a row, or the one that there is at the start.
    /// </param>
    /// <param name="rows">The rows.</param>
    public void Choose(Tensor logits, ReadOnlySpan<ActiveRow> rows)
    {
        if (_onlyLargest)
            ChooseLargest(logits, rows);
        else
            Search(logits, rows);
    }

    public void Dispose() => _suppressed?.Dispose();

    private void ChooseLargest(Tensor logits, ReadOnlySpan<ActiveRow> rows)
    {
        if (_suppressed is not null)
            logits.index_fill_(1, _suppressed, s_banned);
        Tensor largest = logits.argmax(1).cpu();
        for (int row = 0; row < rows.Length; row++)
            ((GreedySearch)rows[row].Search).Accept((int)largest.ReadCpuInt64(row));
    }

    private static void Search(Tensor logits, ReadOnlySpan<ActiveRow> rows)
    {
        Tensor scores = logits.to(ScalarType.Float32);
        if (rows[0].Search.WantsLogProbabilities)
            scores = scores.log_softmax(Axis.Last);
        scores = scores.cpu();
        int vocabularySize = (int)scores.size(Axis.Last);
        Span<float> all = MemoryMarshal.Cast<byte, float>(scores.bytes);
        int own = all.Length / rows.Length;
        for (int row = 0; row < rows.Length; row++)
            rows[row].Search.Advance(new TokenScores(all.Slice(row * own, own), vocabularySize));
    }
}
