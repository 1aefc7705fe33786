using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// From a start to what is trained for all values of an attribute column, and from there to the prefix of each.
/// </summary>
/// <param name="values">The values of the training rows.</param>
/// <param name="options">Attribute column, length of a value's part, and what becomes of other values.</param>
/// <param name="tokenizer">The base's.</param>
internal sealed class AttributeFitting(AttributeValues values, PrefixTuningOptions options,
    PretrainedTokenizer tokenizer)
{
    /// <summary>The value of each group.</summary>
    public IReadOnlyList<string> Values => values.Values;

    /// <summary>How many memories are trained: that of each value, and what they share where there is more.</summary>
    public int Memories => Values.Count == 1 && !KeepsShared ? 1 : Values.Count + 1;

    /// <summary>What is trained; the caller's.</summary>
    /// <param name="start">
    /// The start for all values. One from text goes on with column and value where the value's own part begins.
    /// </param>
    public TrainedPrefix Make(StartRequest start)
    {
        if (options.Prefix.Method is MemoryMethod)
        {
            return new TrainedMemories(TrainedMemories.Start(start), start.Model.Device, values.Values.Count,
                KeepsShared);
        }
        Prefix[] starts =
            values.Values.Select(value => PrefixInitializer.Make(start with { Text = TextOf(start, value) })).ToArray();
        // A single value has the whole prefix for itself.
        return starts is [Prefix only] ? new TrainedKeyValues(only, start.Model.Device)
            : new TrainedGroups(starts, OwnLength(start.Length), start.Model.Device);
    }

    /// <summary>Which row carries which of the trained prefixes.</summary>
    /// <param name="trained">The prefix of each value.</param>
    public PrefixesByValue Choose(IReadOnlyList<Prefix> trained)
    {
        Dictionary<string, Prefix> byValue = values.Values.Zip(trained)
            .ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        // The shared part lies in front, the same in all; of memories, to which each value adds its own, behind them.
        Prefix? shared = !KeepsShared ? null : trained[0].IsMemory ? trained[^1]
            : trained[0].WithoutLast(OwnLength(trained[0].Length));
        return new PrefixesByValue(byValue, shared);
    }

    private bool KeepsShared => options.UnseenAttribute == UnseenAttribute.UseSharedPart;

    private int OwnLength(int length) => options.AttributeLength ?? length / 2;

    private IReadOnlyList<int> TextOf(StartRequest start, string value)
    {
        if (!start.Start.IsOfTokens)
            return start.Text;
        int own = OwnLength(start.Length), shared = start.Length - own - start.Opening.Count;
        int[] ofValue = tokenizer.Encode($" {options.AttributeColumnName}: {value}.");
        return [.. PrefixInitializer.Fit([], start.Text, shared), .. PrefixInitializer.Fit([], ofValue, own)];
    }
}
