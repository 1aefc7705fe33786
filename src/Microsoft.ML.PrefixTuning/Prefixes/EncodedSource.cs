using System;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// What a decoder sees of its sources: every layer's keys and values of the encoder's output, made once a source, with
/// the cross-attention's prefix in front. Tensors belong to the dispose scope in which they are made.
/// </summary>
/// <param name="Keys">One [B, G, P + source length, D] a layer.</param>
/// <param name="Values">One [B, G, P + source length, D] a layer.</param>
/// <param name="Lengths">Real tokens of each source.</param>
/// <param name="PrefixLength">P of the cross-attention.</param>
internal sealed record EncodedSource(Tensor[] Keys, Tensor[] Values, int[] Lengths, int PrefixLength)
{
    /// <summary>Runs the encoder over right-padded sources.</summary>
    /// <param name="model">An encoder-decoder model.</param>
    /// <param name="sources">The encoder's ids.</param>
    /// <param name="prefix">The prefixes; all rows have the same ones.</param>
    /// <param name="tape">Runs the layers a second time for their gradient; null where their tensors are kept.</param>
    public static EncodedSource Make(LanguageModel model, TokenRows sources, SitePrefixes prefix,
        LayerTape? tape = null)
    {
        AttentionPlaces places = TokenPlaces.Everywhere(sources.Lengths, sources.Width, sources.Lengths, sources.Width,
            prefix.LengthOf(AttentionSite.Encoder));
        var memory = new PrefixMemory(prefix);
        Tensor encoded = model.Encode(model.Embed(sources.Ids), places, memory, tape);
        (Tensor[] keys, Tensor[] values) = model.CrossKeysValues(encoded);
        for (int layer = 0; layer < keys.Length; layer++)
            (keys[layer], values[layer]) = memory.Append(AttentionSite.Cross, layer, keys[layer], values[layer]);
        return new EncodedSource(keys, values, sources.Lengths, prefix.LengthOf(AttentionSite.Cross));
    }

    /// <summary>The same for decoder rows of which several may look at one source: its keys and values a row.</summary>
    /// <param name="sources">The source of each row.</param>
    public EncodedSource OfRows(int[] sources)
    {
        Tensor chosen = tensor(Array.ConvertAll(sources, source => (long)source), device: Keys[0].device);
        return new EncodedSource(Array.ConvertAll(Keys, keys => keys.index_select(Axis.Row, chosen)),
            Array.ConvertAll(Values, values => values.index_select(Axis.Row, chosen)),
            Array.ConvertAll(sources, source => Lengths[source]), PrefixLength);
    }

    /// <summary>The sources as a pass of <paramref name="queries"/> decoder tokens sees them.</summary>
    public CrossInput Cross(int queries)
    {
        int[] queryLengths = new int[Lengths.Length];
        Array.Fill(queryLengths, queries);
        int width = (int)Keys[0].size(Axis.Key) - PrefixLength;
        return new CrossInput(Keys, Values,
            TokenPlaces.Everywhere(queryLengths, queries, Lengths, width, PrefixLength));
    }
}
