using System;
using System.Collections.Generic;
using System.Linq;
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

    /// <summary>All candidates of a file, in the order of its options; the last one changes first.</summary>
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
        Values[] all = file.Drawn is { } drawn ? [.. Draw(file, drawn.Count, drawn.Seed)]
            : [.. file.Grids.SelectMany(Grid).DistinctBy(Key)];
        string[] varying = [.. Varying(all)];
        // The text 'a, b' and the texts 'a' and 'b' read alike.
        bool areQuoted =
            all.DistinctBy(values => Name(Settings(values, varying, areQuoted: false))).Count() < all.Length;
        return [.. all.Select(values => (Make(values), values))];

        SweepCandidate Make(Values values)
        {
            Dictionary<string, string> settings = Settings(values, varying, areQuoted);
            string name = Name(settings);
            try
            {
                int? rows = SweepOptions.RowsOf(values);
                Values placed = SweepOptions.InFolder(file.Folder, values);
                return new SweepCandidate(name, options.Read(placed))
                {
                    Settings = settings,
                    Rows = rows,
                    // No command draws rows.
                    Command = rows is null ? command?.Invoke(options.CommandArguments(placed)) : null,
                };
            }
            catch (UsageException fault)
            {
                throw new UsageException($"'{file.Path}', {name}: {fault.Message}");
            }
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

    private static IEnumerable<Values> Draw(SweepFile file, int count, int seed)
    {
        var random = new Random(seed);
        var found = new Dictionary<string, Values>();
        for (int draws = 0; found.Count < count && draws < count * DrawsEach; draws++)
        {
            IReadOnlyDictionary<string, SweepValues> grid = file.Grids[random.Next(file.Grids.Count)];
            Values values = grid.ToDictionary(option => option.Key, option => option.Value.Draw(random));
            found.TryAdd(Key(values), values);
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
}
