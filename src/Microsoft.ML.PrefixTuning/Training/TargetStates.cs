using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// One batch through the base: the hidden states that predict its target tokens, and these tokens. Tensors belong to
/// the dispose scope in which they are made.
/// </summary>
/// <param name="Hidden">[T, E], T target tokens of all rows.</param>
/// <param name="Labels">[T], int64.</param>
internal sealed record TargetStates(Tensor Hidden, Tensor Labels)
{
    /// <summary>How many tokens of a row are predicted. Without source tokens nothing predicts the first one.</summary>
    /// <param name="model">The base.</param>
    /// <param name="example">The row.</param>
    public static int Count(LanguageModel model, TrainingExample example) =>
        model.Spec.IsEncoderDecoder || example.Source.Length > 0 ? example.Target.Length
            : Math.Max(0, example.Target.Length - 1);

    /// <summary>Runs a batch that has at least one target token.</summary>
    /// <param name="model">The base.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="prefix">
    /// Prefix of each site as <see cref="PrefixMemory"/> takes them, in the model's type; none for the base alone.
    /// </param>
    /// <param name="convention">What the prefix does to the tokens.</param>
    /// <param name="decoderStart">First token of the output, for encoder-decoder models.</param>
    public static TargetStates Make(LanguageModel model, IReadOnlyList<TrainingExample> rows,
        IReadOnlyDictionary<AttentionSite, Tensor> prefix, PrefixConvention convention, int? decoderStart)
    {
        bool both = model.Spec.IsEncoderDecoder;
        int[][] inputs = rows.Select(row => Input(row, both, decoderStart)).ToArray();
        int width = inputs.Max(input => input.Length);
        int length = PrefixMemory.LengthOf(prefix, AttentionSite.Decoder);
        var states = new RowState[inputs.Length];
        for (int row = 0; row < inputs.Length; row++)
            states[row] = new RowState(length, 0, inputs[row].Length, both ? 0 : rows[row].Source.Length);
        AttentionPlaces columns = TokenPlaces.Causal(states, width, length, length + width, convention);
        Tensor ids = Padded(inputs, width, model.Device);
        Tensor hidden = both
            ? model.Decode(model.Embed(ids), columns, new PrefixMemory(prefix), Encode(model, rows, prefix)
                .Cross(width))
            : model.Decode(model.Embed(ids), columns, new PrefixMemory(prefix));
        return Gather(model, rows, hidden.flatten(0, 1), width);
    }

    private static EncodedSource Encode(LanguageModel model, IReadOnlyList<TrainingExample> rows,
        IReadOnlyDictionary<AttentionSite, Tensor> prefix)
    {
        int[][] sources = rows.Select(row => row.Source).ToArray();
        int[] lengths = Array.ConvertAll(sources, source => source.Length);
        return EncodedSource.Make(model, Padded(sources, lengths.Max(), model.Device), lengths, prefix);
    }

    /// <summary>What the decoder reads: the last target token is predicted only.</summary>
    private static int[] Input(TrainingExample row, bool both, int? decoderStart)
    {
        ReadOnlySpan<int> read = row.Target.AsSpan(0, Math.Max(0, row.Target.Length - 1));
        return both
            ? [decoderStart
                ?? throw new InvalidOperationException(
                "The base is an encoder-decoder model: expected a decoder start token, found none."), .. read]
            : [.. row.Source, .. read];
    }

    private static Tensor Padded(int[][] rows, int width, Device device)
    {
        var ids = new long[rows.Length * width];
        for (int row = 0; row < rows.Length; row++)
        {
            for (int i = 0; i < rows[row].Length; i++)
                ids[row * width + i] = rows[row][i];
        }
        return tensor(ids, [rows.Length, width], device: device);
    }

    private static TargetStates Gather(LanguageModel model, IReadOnlyList<TrainingExample> rows, Tensor hidden,
        int width)
    {
        var places = new List<long>();
        var labels = new List<long>();
        for (int row = 0; row < rows.Count; row++)
        {
            int[] target = rows[row].Target;
            int skipped = target.Length - Count(model, rows[row]);
            int first = model.Spec.IsEncoderDecoder ? 0 : Math.Max(0, rows[row].Source.Length - 1);
            for (int i = skipped; i < target.Length; i++)
            {
                places.Add((long)row * width + first + i - skipped);
                labels.Add(target[i]);
            }
        }
        Tensor chosen = hidden.index_select(0, tensor(places, device: hidden.device));
        return new TargetStates(chosen, tensor(labels, device: hidden.device));
    }
}
