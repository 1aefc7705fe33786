using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>A mapping of a sweep's file, with its place for messages.</summary>
/// <param name="file">The file.</param>
/// <param name="key">The key that it stands under; empty for the file's own.</param>
/// <param name="node">The mapping.</param>
internal sealed class SweepNode(string file, string key, YamlMappingNode node)
{
    /// <summary>Refuses keys that mean nothing here, with the nearest that does.</summary>
    public void Check(IReadOnlyList<string> known)
    {
        foreach ((YamlNode name, _) in node.Children)
        {
            if (known.Contains(TextOf(name)))
                continue;
            string meant = NearestName.Of(TextOf(name), known) is { } nearest ? $" Did you mean '{nearest}'?" : "";
            throw Fault($"expected one of {string.Join(", ", known)}, found '{TextOf(name)}'.{meant}", name);
        }
    }

    /// <summary>A text; null where the key is not there.</summary>
    public string? Text(string name) => Find(name) is { } found ? TextOf(found) : null;

    /// <summary>A text or a list of texts.</summary>
    public IReadOnlyList<string>? Texts(string name) => Find(name) is { } found ? TextsOf(found) : null;

    /// <summary>A whole number.</summary>
    public int? Number(string name) => Find(name) is { } found ? Whole(found) : null;

    /// <summary>A whole number or a list of them.</summary>
    public IReadOnlyList<int>? Numbers(string name) => Find(name) switch
    {
        null => null,
        YamlSequenceNode list => [.. list.Children.Select(Whole)],
        { } single => [Whole(single)],
    };

    /// <summary>A format of rows.</summary>
    public TableFormat? Format(string name)
    {
        if (Find(name) is not { } found)
            return null;
        // A number would be read as one, too.
        return TableFormats.Names.Contains(TextOf(found), StringComparer.OrdinalIgnoreCase)
            ? Enum.Parse<TableFormat>(TextOf(found), ignoreCase: true)
            : throw Fault($"{name}: expected {string.Join(", ", TableFormats.Names)}, found '{TextOf(found)}'", found);
    }

    /// <summary>A mapping.</summary>
    public SweepNode? Under(string name) => Find(name) is { } found ? MappingOf(name, found) : null;

    /// <summary>A list of mappings.</summary>
    public IReadOnlyList<SweepNode>? List(string name) => Find(name) switch
    {
        null => null,
        YamlSequenceNode { Children.Count: 0 } list => throw Fault($"{name}: expected at least one, found none", list),
        YamlSequenceNode list => [.. list.Children.Select(child => MappingOf(name, child))],
        { } other => throw Fault($"{name}: expected a list, found another", other),
    };

    /// <summary>What each key of options takes: a value, a list of values, or a range.</summary>
    public Dictionary<string, SweepValues> Values()
    {
        var found = new Dictionary<string, SweepValues>();
        foreach ((YamlNode name, YamlNode values) in node.Children)
        {
            if (!found.TryAdd(TextOf(name).TrimStart('-'), ValuesOf(TextOf(name), values)))
                throw Fault($"expected each option once, found '{TextOf(name)}' twice", name);
        }
        return found;
    }

    /// <summary>What is wrong here.</summary>
    public FormatException Fault(string what, YamlNode? where = null) =>
        new($"'{file}', line {(where ?? node).Start.Line}: {(key.Length > 0 ? $"{key}: " : "")}{what}");

    private YamlNode? Find(string name) =>
        node.Children.TryGetValue(new YamlScalarNode(name), out YamlNode? found) ? found : null;

    private SweepValues ValuesOf(string name, YamlNode values)
    {
        string place = $"'{file}', line {values.Start.Line}: {name}";
        if (values is YamlMappingNode range)
            return RangeOf(new SweepNode(file, name, range), range, place);
        if (values is YamlSequenceNode { Children.Count: 0 })
            throw Fault($"{name}: expected at least one value, found none", values);
        return new ListedValues(values is YamlSequenceNode list ? [.. list.Children.Select(TextsOf)]
            : [TextsOf(values)])
        { Place = place };
    }

    private static RangeOfValues RangeOf(SweepNode range, YamlMappingNode node, string place)
    {
        range.Check(["from", "to", "count", "step", "scale"]);
        string from = range.Text("from") ?? throw range.Fault("expected from, found none", node);
        string to = range.Text("to") ?? throw range.Fault("expected to, found none", node);
        var made = new RangeOfValues(range.Real(from), range.Real(to))
        {
            Place = place,
            Count = range.Number("count"),
            Step = range.Text("step") is { } step ? range.Real(step) : null,
            IsLogarithmic = range.Text("scale") switch
            {
                null or "linear" => false,
                "log" => true,
                { } other => throw range.Fault($"scale: expected linear or log, found '{other}'", node),
            },
            IsWhole = IsWhole(from) && IsWhole(to) && IsWhole(range.Text("step") ?? "1"),
        };
        bool isGood = made.From <= made.To && made.Count is null or >= 1 && made.Step is null or > 0
            && !(made.IsLogarithmic && (made.From <= 0 || made.Step is not null))
            && !(made.Step is not null && made.Count is not null);
        return isGood ? made : throw range.Fault("expected from below to, from above 0 on a log scale, and either a"
            + " count of 1 or more or, on a linear scale, a step above 0, found another", node);

        static bool IsWhole(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out _);
    }

    private SweepNode MappingOf(string name, YamlNode found) => found is YamlMappingNode mapping
        ? new SweepNode(file, name, mapping) : throw Fault($"{name}: expected keys with values, found another", found);

    private IReadOnlyList<string> TextsOf(YamlNode values) =>
        values is YamlSequenceNode list ? [.. list.Children.Select(TextOf)] : [TextOf(values)];

    private string TextOf(YamlNode value) => value switch
    {
        // As a text it would be the word itself.
        YamlScalarNode { Style: ScalarStyle.Plain, Tag.IsEmpty: true, Value: "" or "~" or "null" or "Null" or "NULL" }
            => throw Fault("expected a text or a number, found null: leave the key out, or put a word in quotes",
                value),
        YamlScalarNode { Value: { } text } => text,
        _ => throw Fault("expected a text or a number, found another", value),
    };

    private int Whole(YamlNode value) => int.TryParse(TextOf(value), CultureInfo.InvariantCulture, out int number)
        ? number : throw Fault($"expected a whole number, found '{TextOf(value)}'", value);

    private double Real(string text) => double.TryParse(text, CultureInfo.InvariantCulture, out double number)
        && double.IsFinite(number) ? number : throw Fault($"expected a number, found '{text}'");
}
