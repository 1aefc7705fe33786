using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>The kinds of options that have several; of each option the default first.</summary>
internal static class OptionCases
{
    /// <summary>The kind of a start from a prefix file.</summary>
    public const string StartFile = "file";

    public static IReadOnlyList<OptionCase<Decoding>> Decodings { get; } =
    [
        new("greedy", Decoding.Greedy),
        new("beam", Decoding.Beam()),
        new("sampling", Decoding.Sampling()),
    ];

    public static IReadOnlyList<OptionCase<PrefixMethod>> Methods { get; } =
    [
        new("prefix", PrefixMethod.Prefix) { Meaning = "Keys and values of every layer" },
        new("embedding-only", PrefixMethod.EmbeddingOnly)
        {
            Meaning = "Embeddings, of which the base makes keys and values",
        },
        new("infix", PrefixMethod.Infix)
        {
            Meaning = "Keys and values of every layer, behind the source but for its last token",
        },
        new("memory", PrefixMethod.Memory)
        {
            Meaning = "A matrix of every query head, outside of the softmax",
        },
        new("text", PrefixMethod.Text) { Meaning = $"Nothing: the text of {nameof(PrefixOptions.Start)} as it is" },
        new("trigger-words", PrefixMethod.TriggerWords()),
    ];

    public static IReadOnlyList<OptionCase<Parametrization>> Parametrizations { get; } =
    [
        new("direct", Parametrization.Direct) { Meaning = "The keys and values themselves" },
        new("mlp", Parametrization.Mlp()),
        new("residual-mlp", Parametrization.ResidualMlp()),
    ];

    public static IReadOnlyList<OptionCase<PrefixStart>> Starts { get; } =
    [
        new("text", PrefixStart.DefaultText),
        new("zero", PrefixStart.Zero) { Meaning = "Keys and values of 0" },
        new("random", PrefixStart.Random()),
        new("rows", PrefixStart.FromRows()),
        new(StartFile, new PrefixValuesStart()) { NeedsValue = true },
    ];

    /// <summary>A kind and the texts of its members, of one text that has them behind colons.</summary>
    /// <exception cref="FormatException">It is none of the kinds.</exception>
    public static (OptionCase<T> Case, IReadOnlyList<(PropertyInfo Member, string Text)> Members) Split<T>(
        IReadOnlyList<OptionCase<T>> cases, string text)
        where T : class
    {
        string[] words = text.Split(':', 2);
        if (cases.FirstOrDefault(one => one.Name == OptionText.Kebab(words[0])) is not { } found)
            throw Wrong(cases, text);
        string[] values = words.Length == 1 ? [] : Values(found, words[1]);
        if (values.Length > found.Members.Count || (found.NeedsValue && values.Length == 0))
            throw Wrong(cases, text);
        return (found, [.. found.Members.Zip(values)]);
    }

    /// <summary>The kind of a name alone, whose members are given beside it.</summary>
    /// <exception cref="FormatException">It is none of the kinds' names.</exception>
    public static OptionCase<T> Named<T>(IReadOnlyList<OptionCase<T>> cases, string name)
        where T : class =>
        cases.FirstOrDefault(one => one.Name == OptionText.Kebab(name)) ?? throw new FormatException(
            $"expected the kind {string.Join(", ", cases.Select(one => one.Name))} alone, found '{name}'.");

    // A text may hold colons of its own: what stands behind the first one is the whole of it.
    private static string[] Values<T>(OptionCase<T> one, string values)
        where T : class =>
        one.Members is [{ } only] && OptionText.IsOpen(only.PropertyType) ? [values] : values.Split(':');

    private static FormatException Wrong<T>(IReadOnlyList<OptionCase<T>> cases, string text)
        where T : class
    {
        string allButLast = string.Join(", ", cases.SkipLast(1).Select(one => one.Form));
        return new($"expected {allButLast} or {cases[^1].Form}, found '{text}'.");
    }
}
