using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Values = System.Collections.Generic.IReadOnlyDictionary<string,
    System.Collections.Generic.IReadOnlyList<string>>;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>From grids to candidates.</summary>
internal static class SweepCandidates
{
    /// <summary>Candidates that a sweep has at most: each is a training at least.</summary>
    public const int Most = 10_000;

    // Draws that may come to nothing new before there is nothing new.
    private const int DrawsEach = 100;

    /// <summary>
    /// All candidates of a file, in the order of its options; the last one changes first. Of those that are one when
    /// read, as 0.1 and 0.10 are, the first is taken.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="options">Reads options.</param>
    /// <param name="command">The command that trains with some words; null for none.</param>
    /// <exception cref="UsageException">An option is none, or has none of its values.</exception>
    public static IReadOnlyList<SweepCandidate> Of(SweepFile file, SweepOptions options,
        Func<IEnumerable<string>, string>? command = null) =>
        [.. WithValues(file, options, command).Select(one => one.Candidate)];

    /// <summary>The same, each with the values that it is made from.</summary>
    /// <inheritdoc cref="Of"/>
    public static IReadOnlyList<(SweepCandidate Candidate, Values Values)> WithValues(SweepFile file,
        SweepOptions options, Func<IEnumerable<string>, string>? command = null)
    {
        options.Check(file);
        if ((file.Drawn?.Count ?? file.Grids.Sum(Size)) is > Most and double found)
            throw new UsageException($"'{file.Path}': {TooMany(found)}");
        if (file.Drawn is { } asked && asked.Count < 1)
            throw new UsageException($"'{file.Path}': random: expected a count of 1 or more, found {asked.Count}.");
        Reading[] read = file.Drawn is { } drawn ? [.. Draw(file, options, drawn.Count, drawn.Seed)]
            : [.. file.Grids.SelectMany(Grid).DistinctBy(Key).Select(values => Read(file, options, values))
                .DistinctBy(one => one.Same)];
        Values[] all = [.. read.Select(one => one.Values)];
        string[] varying = [.. Varying(all)];
        // The text 'a, b' and the texts 'a' and 'b' read alike.
        bool areQuoted =
            all.DistinctBy(values => Name(Settings(values, varying, areQuoted: false))).Count() < all.Length;
        return [.. read.Select(one => (Make(one), one.Values))];

        SweepCandidate Make(Reading one)
        {
            Dictionary<string, string> settings = Settings(one.Values, varying, areQuoted);
            string name = Name(settings);
            try
            {
                return new SweepCandidate(name, one.Options ?? throw new UsageException(one.Fault!))
                {
                    Settings = settings,
                    Rows = one.Rows,
                    // No command draws rows.
                    Command = one.Rows is null ? command?.Invoke(options.CommandArguments(one.Placed)) : null,
                };
            }
            catch (UsageException fault)
            {
                throw new UsageException($"'{file.Path}', {name}: {fault.Message}");
            }
        }
    }

    private static Reading Read(SweepFile file, SweepOptions options, Values values)
    {
        Values placed = SweepOptions.InFolder(file.Folder, values);
        try
        {
            int? rows = SweepOptions.RowsOf(values);
            PrefixTuningOptions made = options.Read(placed);
            string same = string.Join('\u0001', OptionCode.Of(made), rows, Key(options.Others(values)));
            return new Reading(values, placed, same) { Options = made, Rows = rows };
        }
        catch (UsageException fault)
        {
            return new Reading(values, placed, Key(values)) { Fault = fault.Message };
        }
    }

    /// <summary>What is said of more than are taken.</summary>
    public static string TooMany(double found) => FormattableString.Invariant(
        $"expected at most {Most:N0} candidates, found {found:N0}; 'random' draws some of them.");

    /// <summary>What distinguishes a candidate from the others.</summary>
    private static Dictionary<string, string> Settings(Values values, string[] varying, bool areQuoted) =>
        varying.Where(values.ContainsKey).ToDictionary(name => name, name => string.Join(", ",
            areQuoted ? values[name].Select(JsonText.Quote) : values[name]));

    private static string Name(Dictionary<string, string> settings) => settings.Count == 0 ? "as the file says"
        : string.Join(", ", settings.Select(setting => $"{setting.Key} {setting.Value}"));

    private static double Size(IReadOnlyDictionary<string, SweepValues> grid) =>
        grid.Values.Aggregate(1.0, (product, values) => product * values.Grid.Count);

    private static IEnumerable<Values> Grid(IReadOnlyDictionary<string, SweepValues> grid)
    {
        IEnumerable<Dictionary<string, IReadOnlyList<string>>> found = [[]];
        foreach ((string name, SweepValues values) in grid)
        {
            found = found.SelectMany(before => values.Grid.Select(value =>
                new Dictionary<string, IReadOnlyList<string>>(before) { [name] = value }));
        }
        return found;
    }

    private static IEnumerable<Reading> Draw(SweepFile file, SweepOptions options, int count, int seed)
    {
        var random = new Random(seed);
        var known = new HashSet<string>();
        var found = new Dictionary<string, Reading>();
        for (int draws = 0; found.Count < count && draws < count * DrawsEach; draws++)
        {
            IReadOnlyDictionary<string, SweepValues> grid = file.Grids[random.Next(file.Grids.Count)];
            Values values = grid.ToDictionary(option => option.Key, option => option.Value.Draw(random));
            if (!known.Add(Key(values)))
                continue;
            Reading read = Read(file, options, values);
            found.TryAdd(read.Same, read);
        }
        return found.Values;
    }

    /// <summary>Names of options that have not one value in all candidates.</summary>
    private static IEnumerable<string> Varying(Values[] all) =>
        all.SelectMany(values => values.Keys).Distinct().Where(name =>
            all.Select(values => values.TryGetValue(name, out IReadOnlyList<string>? value)
                ? string.Join('\0', value) : null).Distinct().Count() > 1);

    private static string Key(Values values) => string.Join('\u0001', values
        .OrderBy(option => option.Key, StringComparer.Ordinal)
        .Select(option => $"{option.Key}\0{string.Join('\0', option.Value)}"));

    /// <summary>Values of a candidate, and what they are read as.</summary>
    /// <param name="Values">The values as they are written.</param>
    /// <param name="Placed">The same, files in the sweep's folder.</param>
    /// <param name="Same">Equal where they are read as the same; of those that cannot be read, as written.</param>
    private sealed record Reading(Values Values, Values Placed, string Same)
    {
        /// <summary>The options; null where the values are none.</summary>
        public PrefixTuningOptions? Options { get; init; }

        /// <summary>Rows to draw; null for all.</summary>
        public int? Rows { get; init; }

        /// <summary>Why there are no options.</summary>
        public string? Fault { get; init; }
    }
}
