using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>
/// A file that says what to compare: YAML, and JSON with it, which is YAML too. Values are kept as they are written; a
/// path is relative to the file.
/// </summary>
internal sealed record SweepFile
{
    private const string RandomKey = "random", HalvingKey = "halving", OptionsKey = "options", VariantsKey = "variants";

    // A variant's list of texts has seven, the document among them.
    private const int MostLevels = 20;

    private static readonly string[] Keys =
    [
        "base", "pre-tokenizer", "data", "format", "input", "output", "label", "validation", "test", "group-column",
        "test-part-column", "metrics", "texts", "seeds", RandomKey, HalvingKey, OptionsKey, VariantsKey,
    ];

    /// <summary>The file itself.</summary>
    public required string Path { get; init; }

    /// <summary>Folder that the paths of options start from.</summary>
    public required string Folder { get; init; }

    public string? Base { get; init; }

    public string? PreTokenizer { get; init; }

    public string? Data { get; init; }

    public TableFormat? Format { get; init; }

    public string? Input { get; init; }

    public string? Output { get; init; }

    public string? Label { get; init; }

    public string? Validation { get; init; }

    public string? Test { get; init; }

    /// <summary>Column whose equal values make test rows one text; null for the input.</summary>
    public string? GroupColumn { get; init; }

    /// <summary>Column whose values part the test rows; null for none.</summary>
    public string? TestPartColumn { get; init; }

    /// <summary>Names of measures; null for all.</summary>
    public IReadOnlyList<string>? Metrics { get; init; }

    /// <summary>First inputs whose texts are kept.</summary>
    public int? Texts { get; init; }

    public IReadOnlyList<int> Seeds { get; init; } = [1];

    /// <summary>How many candidates are drawn, and by which seed; null for all of the grid.</summary>
    public (int Count, int Seed)? Drawn { get; init; }

    public SuccessiveHalving? SuccessiveHalving { get; init; }

    /// <summary>Grids, each by the names of options; together they are what is compared.</summary>
    public required IReadOnlyList<IReadOnlyDictionary<string, SweepValues>> Grids { get; init; }

    /// <summary>What a caller's own key has; null for nothing.</summary>
    public SweepNode? Other { get; init; }

    /// <summary>Reads one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">Folder that its paths start from; null for its own.</param>
    /// <param name="other">A key of mappings that mean something to the caller; null for none.</param>
    /// <param name="baseFolder">Folder that the base's path starts from; null for that of the others.</param>
    /// <exception cref="FormatException">It is no such file; the message names line and key.</exception>
    public static SweepFile Read(string path, string? folder = null, string? other = null, string? baseFolder = null)
    {
        string text = TextFiles.Read(path);
        var yaml = new YamlStream();
        try
        {
            CheckDepth(path, text);
            yaml.Load(new StringReader(text));
        }
        catch (YamlException fault)
        {
            throw new FormatException($"'{path}', line {fault.Start.Line}: {fault.Message}", fault);
        }
        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }])
            throw new FormatException($"'{path}': expected one document with keys, found another.");
        folder ??= System.IO.Path.GetDirectoryName(path)!;
        SweepFile file = Read(new SweepNode(path, "", root), path, folder, other);
        return file with { Base = FindBase(baseFolder ?? folder, file.Base) };
    }

    // What reads the nodes calls itself for each level, and ends the process where the stack does.
    private static void CheckDepth(string path, string text)
    {
        var parser = new Parser(new StringReader(text));
        for (int depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MostLevels)
            {
                throw new FormatException($"'{path}', line {parser.Current.Start.Line}: expected keys with values, and"
                    + $" lists of these, found more than {MostLevels} levels.");
            }
        }
    }

    private static SweepFile Read(SweepNode root, string path, string folder, string? other)
    {
        root.Check(other is null ? Keys : [.. Keys, other]);
        CheckTest(root);
        return new SweepFile
        {
            Path = path,
            Folder = folder,
            Base = root.Text("base"),
            PreTokenizer = root.Text("pre-tokenizer"),
            Data = InFolder(folder, root.Text("data")),
            Format = root.Format("format"),
            Input = root.Text("input"),
            Output = root.Text("output"),
            Label = root.Text("label"),
            Validation = InFolder(folder, root.Text("validation")),
            Test = InFolder(folder, root.Text("test")),
            GroupColumn = root.Text("group-column"),
            TestPartColumn = root.Text("test-part-column"),
            Metrics = root.Texts("metrics"),
            Texts = root.Number("texts"),
            Seeds = root.Numbers("seeds") ?? [1],
            Drawn = root.Under(RandomKey) is { } random ? ReadDrawn(random) : null,
            SuccessiveHalving = root.Under(HalvingKey) is { } halving ? ReadHalving(halving) : null,
            Grids = ReadGrids(root),
            Other = other is null ? null : root.Under(other),
        };
    }

    /// <summary>Refuses what says how test rows are measured where there are none: it would be left aside.</summary>
    private static void CheckTest(SweepNode root)
    {
        if (root.Text("test") is not null)
            return;
        foreach (string key in (string[])["metrics", "group-column"])
        {
            if (root.Texts(key) is not null)
                throw root.Fault($"{key}: expected 'test' beside it, whose rows are measured, found none");
        }
    }

    private static (int Count, int Seed) ReadDrawn(SweepNode random)
    {
        random.Check(["count", "seed"]);
        return (random.Number("count") ?? throw random.Fault("expected count, found none"), random.Number("seed") ?? 1);
    }

    private static SuccessiveHalving ReadHalving(SweepNode halving)
    {
        halving.Check(["factor", "first-epochs"]);
        var usual = new SuccessiveHalving();
        return new SuccessiveHalving
        {
            Factor = halving.Number("factor") ?? usual.Factor,
            FirstEpochs = halving.Number("first-epochs") ?? usual.FirstEpochs,
        };
    }

    /// <summary>Each variant over the options of all.</summary>
    private static List<IReadOnlyDictionary<string, SweepValues>> ReadGrids(SweepNode root)
    {
        Dictionary<string, SweepValues> all = root.Under(OptionsKey)?.Values() ?? [];
        if (root.List(VariantsKey) is not { } variants)
            return [all];
        var grids = new List<IReadOnlyDictionary<string, SweepValues>>();
        foreach (SweepNode variant in variants)
        {
            var grid = new Dictionary<string, SweepValues>(all);
            foreach ((string name, SweepValues values) in variant.Values())
                grid[name] = values;
            grids.Add(grid);
        }
        return grids;
    }

    private static string? InFolder(string folder, string? path) =>
        path is null ? null : System.IO.Path.Combine(folder, path);

    // The name of the packaged base is no path.
    private static string? FindBase(string folder, string? name) =>
        BaseArgument.IsPackaged(name) ? name : InFolder(folder, name);
}

/// <summary>The values that an option takes in a sweep.</summary>
internal abstract record SweepValues
{
    /// <summary>Where it stands, for messages.</summary>
    public required string Place { get; init; }

    /// <summary>The values of a grid, each a text or several.</summary>
    public abstract IReadOnlyList<IReadOnlyList<string>> Grid { get; }

    /// <summary>One of them, at random.</summary>
    public virtual IReadOnlyList<string> Draw(Random random) => Grid[random.Next(Grid.Count)];
}

/// <summary>Values that are listed.</summary>
/// <param name="Values">The values.</param>
internal sealed record ListedValues(IReadOnlyList<IReadOnlyList<string>> Values) : SweepValues
{
    public override IReadOnlyList<IReadOnlyList<string>> Grid => Values;
}

/// <summary>Values from one number to another.</summary>
/// <param name="From">The first one.</param>
/// <param name="To">The last one.</param>
internal sealed record RangeOfValues(double From, double To) : SweepValues
{
    /// <summary>How many there are; null where <see cref="Step"/> says.</summary>
    public int? Count { get; init; }

    /// <summary>How far apart they are, on a linear scale; null where <see cref="Count"/> says.</summary>
    public double? Step { get; init; }

    /// <summary>Whether they are even in their logarithms.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Whether they are whole.</summary>
    public bool IsWhole { get; init; }

    public override IReadOnlyList<IReadOnlyList<string>> Grid
    {
        get
        {
            if (Size is not double size)
                throw new FormatException($"{Place}: expected count or step for a grid, found neither.");
            if (size > SweepCandidates.Most)
                throw new FormatException($"{Place}: {SweepCandidates.TooMany(size)}");
            IEnumerable<double> values = Enumerable.Range(0, (int)size).Select(place => Value(place));
            return [.. values.Select(Show).Distinct().Select(text => (IReadOnlyList<string>)[text])];
        }
    }

    // Null where nothing says which values there are between the first and the last.
    private double? Size => Step is double step ? Math.Floor((To - From) / step + 1e-9) + 1 : Count;

    // The grid is not made for it: it may have more values than a sweep has candidates.
    public override IReadOnlyList<string> Draw(Random random)
    {
        double share = random.NextDouble();
        return [Show(Size is double size ? Value(Math.Floor(share * size)) : At(share))];
    }

    private double Value(double place) => Step is double step ? From + place * step
        : At(Count == 1 ? 0 : place / (Count!.Value - 1.0));

    private double At(double share) => IsLogarithmic ? From * Math.Pow(To / From, share)
        : From + share * (To - From);

    // Six figures are more than a rate needs, and a name stays readable.
    private string Show(double value) => IsWhole ? Math.Round(value).ToString("F0", CultureInfo.InvariantCulture)
        : value.ToString("G6", CultureInfo.InvariantCulture);
}
