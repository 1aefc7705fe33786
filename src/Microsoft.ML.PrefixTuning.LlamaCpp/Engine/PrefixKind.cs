using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>Which prefixes llama.cpp can put in front of a base's tokens.</summary>
internal static class PrefixKind
{
    private const float LargestHalf = 65_504;

    // All rows lie in one memory, and a row's products with the others' keys are made before they are masked: what
    // overflows there is no number for any row. Behind a norm a layer's numbers are far below 1e18, whatever the row.
    private const float LargestSingle = 1e20f;

    // In what two files of one model may differ: how numbers are stored, how long a context the file allows, and the
    // form in which a format says the same. All else decides what a prefix means.
    private const string Scaling = "decoder.rotary.scaling";

    private static readonly string[] Forms =
        ["weights", "context", "head.matrix", "decoder.norm", "decoder.windows", Scaling];

    // Families that llama.cpp has one name for.
    private static readonly string[] OneFamily = ["llama", "mistral"];

    /// <summary>Refuses a prefix that llama.cpp cannot use as this library does.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <param name="cache">Type of what is kept.</param>
    /// <exception cref="NotSupportedException">It cannot.</exception>
    public static void Check(Prefix prefix, LlamaCppCache cache)
    {
        if (prefix.IsMemory)
        {
            throw new NotSupportedException("Prefix: llama.cpp as the engine: expected keys and values, found a memory"
                + " outside of the softmax (PrefixMethod.Memory), which its attention has no place for.");
        }
        if (prefix.IsInfix)
        {
            throw new NotSupportedException("Prefix: llama.cpp as the engine: expected one in front of everything,"
                + $" found an infix ({prefix.Convention.Placement}), which lies inside the row.");
        }
        if (!prefix.Convention.TakesPositions)
        {
            throw new NotSupportedException("Prefix: llama.cpp as the engine: expected one that takes positions, found"
                + " one that takes none: llama.cpp counts all that it keeps.");
        }
        float largest = prefix.Parts.Values.Max(part => part.Values.Max(Math.Abs));
        if (cache == LlamaCppCache.Float16 && largest > LargestHalf)
        {
            throw new NotSupportedException($"Prefix: llama.cpp as the engine: expected values up to {LargestHalf},"
                + $" which 16 bits hold, found {largest}: use LlamaCppOptions.Cache = Float32.");
        }
        if (largest > LargestSingle)
        {
            throw new NotSupportedException($"Prefix: llama.cpp as the engine: expected values up to {LargestSingle},"
                + $" whose products 32 bits hold, found {largest}.");
        }
    }

    /// <summary>Compares the base that a prefix was made for with a file of the same model, maybe a quantised one.
    /// </summary>
    /// <param name="madeFor">The base that it was made for.</param>
    /// <param name="found">The file.</param>
    /// <returns>What differs and is of no account, a line each.</returns>
    /// <exception cref="InvalidOperationException">It is another model.</exception>
    public static IReadOnlyList<string> Differences(BaseIdentity madeFor, BaseIdentity found)
    {
        string[] names = [.. madeFor.Values.Concat(found.Values).Select(value => value.Key).Distinct()
            .Where(name => madeFor.Values[name] != found.Values[name])];
        string[] others = [.. names.Where(name => !IsForm(name, madeFor, found))];
        if (others.Length > 0)
        {
            throw new InvalidOperationException("Prefix: it was made for another model than this file's: "
                + string.Join("; ", others.Select(name => Line(name, madeFor, found))) + ".");
        }
        return [.. names.Select(name => Line(name, madeFor, found))];
    }

    private static bool IsForm(string name, BaseIdentity madeFor, BaseIdentity found) =>
        name == "family" ? OneFamily.Contains(madeFor.Values[name]) && OneFamily.Contains(found.Values[name])
            : Forms.Contains(name) || name.StartsWith(Scaling + ".", StringComparison.Ordinal);

    private static string Line(string name, BaseIdentity madeFor, BaseIdentity found) =>
        $"{name}: made for {Shown(madeFor.Values[name])}, found {Shown(found.Values[name])}";

    private static string Shown(string? value) => value switch
    {
        null => "nothing",
        { Length: > 24 } => value[..24] + "...",
        _ => value,
    };
}
