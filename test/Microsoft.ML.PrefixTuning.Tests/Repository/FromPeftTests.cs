using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>
/// The defaults that docs/from-peft.md gives in brackets are those of docs/options.md, which is written from the code.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class FromPeftTests
{
    [TestMethod]
    public void Defaults_InBrackets_AreThoseOfTheOptions()
    {
        Dictionary<string, string> defaults = Defaults();
        var faults = new List<string>();
        int compared = 0;
        foreach (Match row in Row().Matches(Read("from-peft.md")))
        {
            foreach (Match told in Told().Matches(row.Groups[2].Value))
            {
                string[] members = [.. Documents.InlineCode(told.Groups[1].Value)];
                string all = told.Groups[2].Value == "the same" ? Bracket().Match(row.Groups[1].Value).Groups[1].Value
                    : told.Groups[2].Value;
                string[] values = members.Length == 1 ? [all] : all.Split(", ");
                if (values.Length != members.Length)
                    faults.Add($"{told.Value}: expected a value for each of {members.Length} options");
                foreach ((string member, string value) in members.Zip(values))
                {
                    if (!defaults.TryGetValue(member, out string? expected))
                        continue;
                    compared++;
                    if (!Agree(value, expected))
                        faults.Add($"{member}: told '{value}', it is '{expected}'");
                }
            }
        }
        Assert.AreEqual("", string.Join('\n', faults));
        Assert.IsGreaterThan(30, compared);
    }

    // Nothing is null or a number that turns off; what is neither a number nor a flag is a word of the options' table.
    private static bool Agree(string value, string expected)
    {
        if (value.StartsWith("none", StringComparison.Ordinal))
            return expected.StartsWith("`null`", StringComparison.Ordinal) || expected == "0.";
        if (value == "off")
            return expected == "`false`.";
        if (Number().Match(value) is { Success: true, Index: 0 } number)
            return Number().Matches(expected).Any(one => Parsed(one) == Parsed(number));
        return expected.Contains(value.Split(',')[0], StringComparison.OrdinalIgnoreCase);
    }

    private static double Parsed(Match number) => double.Parse(number.Value, CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Defaults()
    {
        var defaults = new Dictionary<string, string>();
        foreach (string section in Read("options.md").Split("\n## ").Skip(1))
        {
            string record = section.Split('\n')[0];
            foreach (Match option in Option().Matches(section))
                defaults.Add($"{record}.{option.Groups[1].Value}", option.Groups[2].Value);
        }
        return defaults;
    }

    private static string Read(string name) => Documents.Read(Path.Combine(Source.Root, "docs", name));

    [GeneratedRegex(@"^\| (.+) \| (.+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"((?:`[A-Z]\w+\.[A-Z]\w+`(?:, )?)+)(?:`--[^`]+`)? \(([^)]+)\)")]
    private static partial Regex Told();

    [GeneratedRegex(@"\(([^)]+)\)")]
    private static partial Regex Bracket();

    [GeneratedRegex(@"^\| `(\w+)` \| .* \| ([^|]*) \|$", RegexOptions.Multiline)]
    private static partial Regex Option();

    [GeneratedRegex(@"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?")]
    private static partial Regex Number();
}
