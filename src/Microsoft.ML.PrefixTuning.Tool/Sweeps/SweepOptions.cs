using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>
/// Options of a sweep's file by their names on the command line, read by what reads these there: what <c>train</c> can,
/// a sweep can.
/// </summary>
internal sealed class SweepOptions
{
    /// <summary>Training rows, drawn by the seed: of a sweep alone.</summary>
    public const string Rows = "rows";

    // The one option whose value may name a file.
    private const string Start = "prefix-start";

    // How often a run of a sweep writes its state; the command keeps none.
    private const string StateInterval = "state-interval";

    // How many rows are held out where the file names none.
    private const string HeldOut = "validation-fraction";

    // A sweep decides about these itself.
    private static readonly Dictionary<string, string> Own = new()
    {
        ["seed"] = "seeds stand under 'seeds'",
        ["state"] = "each run has its own in the results' folder",
        ["example-rows"] = "each run's first texts are kept, as 'texts' says",
    };

    // What the library asks of a sweep itself, by the keys of the file.
    private static readonly (string Path, string Key)[] Keys =
    [
        (nameof(PrefixSweep.OutputColumnName), "output"),
        (nameof(PrefixSweep.ValidationSet), "validation"), (nameof(PrefixSweep.TestSet), "test"),
        (nameof(PrefixSweep.TestPartColumnName), "test-part-column"), (nameof(PrefixSweep.TextCount), "texts"),
        (nameof(PrefixSweep.Seeds), "seeds"), ("Halving.Factor", "halving, factor"),
        ("Halving.FirstEpochs", "halving, first-epochs"), ("Evaluation.GroupColumnName", "group-column"),
    ];

    private readonly Verb _command = new("train", "");
    private readonly TuningOptions _options;
    private readonly string[] _others;

    /// <param name="others">Names that mean something to the caller.</param>
    public SweepOptions(params string[] others)
    {
        _options = new TuningOptions(_command);
        _others = [Rows, .. others];
        foreach ((string path, string key) in Keys)
            Words.Add(path, key);
        foreach (OptionWord word in _command.Words.All)
            Words.Add(word.Path, word.Typed.TrimStart('-'), word.Property);
    }

    /// <summary>What the library's messages call options and keys of a sweep's file, as the file has them.</summary>
    public OptionWords Words { get; } = new();

    private IEnumerable<string> Names => _command.Options.Select(option => option.Name[2..])
        .Except(["help", .. Own.Keys]).Concat(_others);

    /// <summary>
    /// Refuses names that are no options, all at once, each with the nearest that is one, and options that would be
    /// left aside.
    /// </summary>
    /// <exception cref="UsageException">There is one.</exception>
    public void Check(SweepFile file)
    {
        string[] names = [.. Names];
        string[] faults =
        [
            .. file.Grids.SelectMany(grid => grid).DistinctBy(option => option.Value.Place)
                .Select(option => (option.Value.Place, Fault: Refusal(option.Key, names, file.Validation)))
                .Where(option => option.Fault is not null)
                .Select(option => $"{option.Place}: {option.Fault}"),
        ];
        if (faults.Length > 0)
            throw new UsageException(string.Join(" ", faults));
    }

    /// <summary>The options that some values stand for.</summary>
    /// <exception cref="UsageException">A value is none of its option's, or out of its range.</exception>
    public PrefixTuningOptions Read(IReadOnlyDictionary<string, IReadOnlyList<string>> values)
    {
        ParseResult parsed = _command.Parse([.. Arguments(values)]);
        if (parsed.Errors.Count > 0)
            throw new UsageException(string.Join(" ", parsed.Errors.Select(error => error.Message)));
        PrefixTuningOptions options = _options.Read(parsed);
        // The base has the template that is only named here.
        PrefixTuningOptions known =
            options.Template == NamedTemplate.Chat ? options with { Template = null } : options;
        return Faults.Of(known.Check) is { Count: > 0 } faults
            ? throw new UsageException(string.Join(" ", faults.Select(fault => Words.Of(fault)))) : options;
    }

    /// <summary>Rows to draw; null for all.</summary>
    public static int? RowsOf(IReadOnlyDictionary<string, IReadOnlyList<string>> values)
    {
        if (!values.TryGetValue(Rows, out IReadOnlyList<string>? rows) || rows is ["all"])
            return null;
        return rows is [var text] && int.TryParse(text, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count : throw new UsageException(
                $"{Rows}: expected a whole number above 0 or 'all', found '{string.Join(", ", rows)}'.");
    }

    /// <summary>Values that mean something to the caller alone.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Others(
        IReadOnlyDictionary<string, IReadOnlyList<string>> values) =>
        values.Where(option => option.Key != Rows && _others.Contains(option.Key)).ToDictionary();

    /// <summary>The values as they are read: a file that one names is looked for in a folder.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> InFolder(string folder,
        IReadOnlyDictionary<string, IReadOnlyList<string>> values) => values.ToDictionary(option => option.Key,
        option => option.Key != Start ? option.Value : [.. option.Value.Select(value =>
            StartFile(value) is { } path ? $"{OptionCases.StartFile}:{Path.Combine(folder, path)}" : value)]);

    /// <summary>The files that values of a sweep name.</summary>
    public static IEnumerable<string> Files(SweepFile file) =>
        from option in file.Grids.SelectMany(grid => grid)
        where option.Key == Start
        from value in option.Value.Grid.SelectMany(values => values)
        where StartFile(value) is not null
        select Path.Combine(file.Folder, StartFile(value)!);

    /// <summary>The values as words of a command line.</summary>
    public IEnumerable<string> Arguments(IReadOnlyDictionary<string, IReadOnlyList<string>> values) =>
        from option in values
        where !_others.Contains(option.Key)
        from value in option.Value
        select $"--{option.Key}={EscapedText.WriteBreaks(value)}";

    /// <summary>The values as words of a command that trains once; it keeps no state.</summary>
    public IEnumerable<string> CommandArguments(IReadOnlyDictionary<string, IReadOnlyList<string>> values) =>
        Arguments(values.Where(option => option.Key != StateInterval).ToDictionary());

    private static string? StartFile(string value) => value.Split(':', 2) is [var kind, { Length: > 0 } path]
        && OptionText.Kebab(kind) == OptionCases.StartFile ? path : null;

    /// <summary>Why there may be no option of a name; null where there may be one.</summary>
    private static string? Refusal(string name, string[] names, string? validation)
    {
        if (name == HeldOut && validation is not null)
            return $"expected none beside 'validation', which has the rows held out, found '{validation}' there.";
        if (names.Contains(name))
            return null;
        if (Own.TryGetValue(name, out string? reason))
            return $"no option of a sweep: {reason}.";
        string meant = NearestName.Of(name, names) is { } nearest ? $" Did you mean '{nearest}'?" : "";
        return $"no option of 'prefix-tune train', which has them all in its --help.{meant}";
    }
}
