using System;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>What a prefix is compared with, as a study's file names it.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Make">Makes it for a base and a seed.</param>
/// <param name="Rate">Highest learning rate where none is given.</param>
internal sealed record Baseline(string Name, Func<LanguageModel, int, TunedWeights> Make, double Rate)
{
    /// <summary>What may be written.</summary>
    public const string Forms = "all, top2, adapter:SHARE or lora:RANK";

    private const string Adapter = "adapter:", LowRank = "lora:";

    /// <summary>The baseline of a name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static Baseline Parse(string name)
    {
        if (name == "all")
            return new Baseline(name, (frozen, _) => CopiedWeights.All(frozen), 1e-4);
        if (name == "top2")
            return new Baseline(name, (frozen, _) => CopiedWeights.Top(frozen, 2), 5e-4);
        if (name.StartsWith(Adapter, StringComparison.Ordinal)
            && double.TryParse(name[Adapter.Length..], CultureInfo.InvariantCulture, out double share) && share is > 0
                and < 1)
        {
            return new Baseline(name, (frozen, seed) =>
                CopiedWeights.Adapters(frozen, CopiedWeights.WidthFor(frozen, share), seed), 1e-3);
        }
        if (name.StartsWith(LowRank, StringComparison.Ordinal)
            && int.TryParse(name[LowRank.Length..], CultureInfo.InvariantCulture, out int rank) && rank > 0)
            return new Baseline(name, (frozen, seed) => LowRankWeights.Make(frozen, rank, seed), 1e-3);
        throw new FormatException($"baseline: expected {Forms}, found '{name}'.");
    }
}
