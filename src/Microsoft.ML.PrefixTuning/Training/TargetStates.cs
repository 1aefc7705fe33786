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
    private LayerTape? Tape { get; init; }

    /// <summary>The gradient of leaves from that of <see cref="Hidden"/>; once.</summary>
    /// <param name="ofHidden">[T, E].</param>
    /// <param name="leaves">What the prefixes were made from.</param>
    public IReadOnlyList<Tensor> Gradient(Tensor ofHidden, IReadOnlyCollection<Tensor> leaves)
    {
        Tensor[] gradients = Tape?.Gradient(Hidden, ofHidden, [.. leaves])
            ?? [.. autograd.grad([Hidden], [.. leaves], [ofHidden])];
        WayBack.ThrowKept();
        return gradients;
    }

    /// <summary>How many tokens of a row are predicted. Without source tokens nothing predicts the first one.</summary>
    /// <param name="model">The base.</param>
    /// <param name="example">The row.</param>
    public static int Count(LanguageModel model, TrainingExample example) =>
        model.Spec.IsEncoderDecoder || example.Source.Length > 0 ? example.Target.Length
            : Math.Max(0, example.Target.Length - 1);

    /// <summary>Runs a batch that has at least one target token.</summary>
    /// <param name="model">The base.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="prefix">The prefixes, in the model's type.</param>
    /// <param name="tape">Runs the layers a second time for their gradient; null where their tensors are kept.</param>
    public static TargetStates Make(LanguageModel model, IReadOnlyList<TrainingExample> rows, SitePrefixes prefix,
        LayerTape? tape = null)
    {
        bool both = model.Spec.IsEncoderDecoder;
        TokenRows inputs = TokenRows.Pad([.. rows.Select(row => Input(row, model.Spec))], model.Device);
        int length = prefix.LengthOf(AttentionSite.Decoder);
        int width = inputs.Width;
        RowState[] states = [.. rows.Zip(inputs.Lengths,
            (row, tokens) => new RowState(length, 0, tokens, both ? 0 : row.Source.Length))];
        AttentionPlaces places = TokenPlaces.Causal(states, width, length, length + width, prefix.Convention);
        CrossInput? cross = both ? Encode(model, rows, prefix, tape).Cross(width) : null;
        Tensor hidden = model.Decode(model.Embed(inputs.Ids), places, new PrefixMemory(prefix), cross, tape);
        return Gather(model, rows, hidden.flatten(0, 1), width) with { Tape = tape };
    }

    private static EncodedSource Encode(LanguageModel model, IReadOnlyList<TrainingExample> rows,
        SitePrefixes prefix, LayerTape? tape) =>
        EncodedSource.Make(model, TokenRows.Pad([.. rows.Select(row => row.Source)], model.Device), prefix, tape);

    /// <summary>What the decoder reads: the last target token is predicted only.</summary>
    private static int[] Input(TrainingExample row, TransformerSpec spec)
    {
        ReadOnlySpan<int> read = row.Target.AsSpan(0, Math.Max(0, row.Target.Length - 1));
        return spec.IsEncoderDecoder ? [spec.DecoderStart(), .. read] : [.. row.Source, .. read];
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
