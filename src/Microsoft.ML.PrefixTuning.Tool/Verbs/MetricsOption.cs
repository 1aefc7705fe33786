using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>--metrics</c>: the measures to take, separated by commas; the option may be repeated.</summary>
internal sealed class MetricsOption
{
    private static readonly string[] Names =
        [.. Enum.GetValues<TextMetrics>().Where(metric => metric != TextMetrics.None)
        .Select(metric => NameOf(metric.ToString()))];

    // The measures that an option has a part in. The BLEU of the presets is as their papers have it.
    private static readonly Dictionary<string, TextMetrics> Users = new()
    {
        ["--lowercase"] = TextMetrics.Bleu | TextMetrics.ChrF,
        ["--bleu-tokenization"] = TextMetrics.Bleu,
        ["--bleu-smoothing"] = TextMetrics.Bleu,
        ["--rouge-stemming"] = TextMetrics.Rouge,
        ["--meteor-folder"] = TextMetrics.Meteor | TextMetrics.E2E | TextMetrics.WebNlg,
    };

    private readonly Option<string[]> _option = new("--metrics")
    {
        Description = $"What to measure, separated by commas: {string.Join(", ", Names)}.",
        HelpName = "names",
        DefaultValueFactory = _ => [NameOf(nameof(TextMetrics.All))],
    };

    public MetricsOption(Verb command)
    {
        _option.Validators.Add(Check);
        command.Options.Add(_option);
    }

    /// <summary>What the command line asks for.</summary>
    public TextMetrics Read(ParseResult parsed) =>
        parsed.GetValue(_option)!.SelectMany(Split).Aggregate(TextMetrics.None, (all, name) => all | Find(name)!.Value);

    /// <summary>Refuses options that none of the measures asks for: they would be left aside.</summary>
    /// <param name="options">Those that are given, by name.</param>
    /// <param name="metrics">What is measured.</param>
    /// <exception cref="UsageException">There is one.</exception>
    public static void CheckUsed(IEnumerable<string> options, TextMetrics metrics)
    {
        foreach (string option in options)
        {
            if (Users.TryGetValue(option, out TextMetrics users) && (users & metrics) == 0)
            {
                throw new UsageException(
                    $"{option}: expected --metrics with {InWords(users, " or ")}, found {InWords(metrics, ", ")}.");
            }
        }
    }

    /// <summary>The measures of some names.</summary>
    /// <exception cref="UsageException">A name is none.</exception>
    public static TextMetrics Parse(IEnumerable<string> names) => names.SelectMany(Split).Aggregate(TextMetrics.None,
        (all, name) => all | (Find(name)
            ?? throw new UsageException($"metrics: expected {string.Join(", ", Names)}, found '{name}'.")));

    private static void Check(OptionResult result)
    {
        foreach (string name in result.Tokens.SelectMany(token => Split(token.Value)).Where(name => Find(name) is null))
            result.AddError($"--metrics: expected {string.Join(", ", Names)}, found '{name}'.");
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.TrimEntries);

    // However a name is cut: chrf, chr-f and chrF are one.
    private static TextMetrics? Find(string name)
    {
        foreach (TextMetrics metric in Enum.GetValues<TextMetrics>())
        {
            bool isIt = string.Equals(metric.ToString(), name.Replace("-", "", StringComparison.Ordinal),
                StringComparison.OrdinalIgnoreCase);
            if (isIt && metric != TextMetrics.None)
                return metric;
        }
        return null;
    }

    private static string InWords(TextMetrics metrics, string between) => string.Join(between,
        Enum.GetValues<TextMetrics>().Where(metric => metric != TextMetrics.None && metrics.HasFlag(metric))
            .Select(metric => NameOf(metric.ToString())));

    // Names of measures are one word, but for exact match.
    private static string NameOf(string metric) =>
        metric == nameof(TextMetrics.ExactMatch) ? OptionText.Kebab(metric) : metric.ToLowerInvariant();
}
