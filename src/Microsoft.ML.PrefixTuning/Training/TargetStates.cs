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
    public IReadOnlyList<Tensor> Gradient(Tensor ofHidden, IReadOnlyCollection<Tensor> leaves) =>
        Tape?.Gradient(Hidden, ofHidden, [.. leaves]) ?? WayBack.Gradients([Hidden], [.. leaves], [ofHidden]);

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
    /// <param name="packing">What neighbouring rows of one source have in common, prefixes of their own too.</param>
    public static TargetStates Make(LanguageModel model, IReadOnlyList<TrainingExample> rows, SitePrefixes prefix,
        LayerTape? tape = null, RowPacking packing = RowPacking.None)
    {
        bool both = model.Spec.IsEncoderDecoder;
        RowPack[] sources = RowPack.Of(rows, packing), packs = both ? RowPack.Of(rows, RowPacking.None) : sources;
        TokenRows inputs = TokenRows.Pad([.. packs.Select(pack => Input(pack, model.Spec))], model.Device);
        int length = prefix.LengthOf(AttentionSite.Decoder);
        int width = inputs.Width;
        RowState[] states = [.. packs.Zip(inputs.Lengths, (pack, tokens) =>
            new RowState(length, 0, tokens, both ? 0 : pack.Source.Length, pack.Branches))];
        AttentionPlaces places = TokenPlaces.Causal(states, width, length, length + width, prefix.Convention);
        CrossInput? cross = both ? Encode(model, sources, prefix, tape).Cross(width) : null;
        Tensor hidden = model.Decode(model.Embed(inputs.Ids), places, new PrefixMemory(prefix), cross, tape);
        return Gather(model, packs, hidden.flatten(0, 1), width) with { Tape = tape };
    }

    private static EncodedSource Encode(LanguageModel model, RowPack[] sources, SitePrefixes prefix, LayerTape? tape)
    {
        EncodedSource encoded = EncodedSource.Make(model,
            TokenRows.Pad([.. sources.Select(pack => pack.Source)], model.Device), prefix, tape);
        return sources.All(pack => pack.Rows.Count == 1) ? encoded : encoded.OfRows(
            [.. sources.SelectMany((pack, source) => Enumerable.Repeat(source, pack.Rows.Count))]);
    }

    /// <summary>What the decoder reads: the last token of a target is predicted only.</summary>
    private static int[] Input(RowPack pack, TransformerSpec spec)
    {
        int[] front = spec.IsEncoderDecoder ? [spec.DecoderStart()] : pack.Source;
        return [.. front, .. pack.Rows.SelectMany(row => row.Target.SkipLast(1))];
    }

    /// <summary>
    /// The states row after row, whatever they have in common: the first token of every target of a pack is predicted
    /// at one place, the last one of the source.
    /// </summary>
    private static TargetStates Gather(LanguageModel model, RowPack[] packs, Tensor hidden, int width)
    {
        var places = new List<long>();
        var labels = new List<long>();
        for (int pack = 0; pack < packs.Length; pack++)
        {
            int front = model.Spec.IsEncoderDecoder ? 1 : packs[pack].Source.Length, read = front;
            foreach (TrainingExample row in packs[pack].Rows)
            {
                for (int i = row.Target.Length - Count(model, row); i < row.Target.Length; i++)
                {
                    places.Add((long)pack * width + (i == 0 ? front : read + i) - 1);
                    labels.Add(row.Target[i]);
                }
                read += Math.Max(0, row.Target.Length - 1);
            }
        }
        Tensor chosen = hidden.index_select(0, tensor(places, device: hidden.device));
        return new TargetStates(chosen, tensor(labels, device: hidden.device));
    }
}
