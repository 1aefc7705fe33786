using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// The rows of a prefix become tokens by the rules that it was trained by, whichever are today's: a prefix says so
/// itself, also in its file.
/// </summary>
internal static class PrefixRules
{
    /// <summary>This share of the base by the rules of prefixes; takes its place, also where it throws.</summary>
    /// <param name="lease">The share, by the rules that its caller asked for.</param>
    /// <param name="prefixes">The prefixes; those that say nothing go by any rules.</param>
    /// <exception cref="InvalidOperationException">
    /// They were trained by several that differ for this base, or by another pre-tokenizer than the one that is named.
    /// </exception>
    public static BaseLease ByRulesOf(this BaseLease lease, IEnumerable<Prefix> prefixes)
    {
        try
        {
            return Of(lease.Base, prefixes) is { } rules ? lease.By(rules) : lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a prefix whose rows today's rules would read otherwise.</summary>
    /// <exception cref="InvalidOperationException">They would; the message says how.</exception>
    public static void CheckLatest(FrozenBase frozen, Prefix prefix)
    {
        if (Of(frozen, [prefix]) is { AreLatest: false } rules)
        {
            throw new InvalidOperationException("Prefix: expected one that was trained by today's rules, which alone"
                + $" others know, found former ones: {string.Join("; ", frozen.By(rules).FormerRules)}.");
        }
    }

    /// <summary>
    /// The first version of the rules from which on texts of a base are read as they are today; no lower than a given
    /// one.
    /// </summary>
    public static int FirstAlike(FrozenBase frozen, int least) =>
        FirstAlike(frozen.Rules, least, rules => frozen.By(rules).FormerRules.Any());

    /// <inheritdoc cref="FirstAlike(FrozenBase, int)"/>
    /// <param name="today">Today's rules.</param>
    /// <param name="least">The version that is not gone below.</param>
    /// <param name="matter">
    /// Whether former rules do something otherwise; rules that refuse the base throw what readers of its files throw.
    /// </param>
    public static int FirstAlike(TextRules today, int least, Func<TextRules, bool> matter)
    {
        int first = today.Version;
        while (first > least && !Differ(today with { Version = first - 1 }))
            first--;
        return first;

        bool Differ(TextRules rules)
        {
            try
            {
                return matter(rules);
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
                return true;
            }
        }
    }

    private static TextRules? Of(FrozenBase frozen, IEnumerable<Prefix> prefixes) =>
        Of(frozen.Path, frozen.Rules, rules => frozen.By(rules).FormerRules.Any(), prefixes);

    /// <summary>The rules that prefixes were trained by; null where none says.</summary>
    /// <param name="path">The base, for messages.</param>
    /// <param name="asked">The rules that its caller asked for.</param>
    /// <param name="matter">Whether former rules do something otherwise with this base.</param>
    /// <param name="prefixes">The prefixes.</param>
    /// <exception cref="InvalidOperationException">As <see cref="ByRulesOf"/>.</exception>
    public static TextRules? Of(string path, TextRules asked, Func<TextRules, bool> matter,
        IEnumerable<Prefix> prefixes)
    {
        TextRules? chosen = null;
        foreach (string text in prefixes.Select(prefix => prefix.Rules).OfType<string>().Distinct())
        {
            TextRules rules = TextRules.Parse(text, "Prefix: text rules");
            // Today's where former ones do nothing otherwise.
            if (!rules.AreLatest && !matter(rules))
                rules = rules with { Version = TextRules.LatestVersion };
            if (chosen is not null && chosen != rules)
            {
                throw new InvalidOperationException("Prefixes: expected such as were trained by the same rules, for"
                    + $" which texts become the same tokens, found '{chosen.ToText()}' and '{rules.ToText()}'.");
            }
            chosen = rules;
        }
        string? named = asked.PreTokenizer;
        if (chosen?.PreTokenizer is { } own && named is not null && named != own)
        {
            throw new InvalidOperationException($"Base model '{path}': expected the pre-tokenizer '{own}', by"
                + $" which the prefix was trained, found '{named}'.");
        }
        return chosen is null ? null : chosen with { PreTokenizer = chosen.PreTokenizer ?? named };
    }
}
