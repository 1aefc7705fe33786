using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

/// <summary>Golden figures of the tools that the metrics follow, and the texts that they were computed on.</summary>
internal static class GoldenMetrics
{
    private static readonly Lazy<JsonElement> Json =
        new(() => JsonDocument.Parse(File.ReadAllBytes(Locate("golden.json"))).RootElement);
    private static readonly ConcurrentDictionary<string, Segment[]> Texts = new();

    /// <summary>Sets of a few rows.</summary>
    public static IReadOnlyList<string> SmallSets { get; } =
        ["ex1", "ex2", "ex3", "ex4", "nlgeval", "sbreadme", "e2eexample"];

    /// <summary>All sets; the last has 5,097 rows.</summary>
    public static IReadOnlyList<string> AllSets { get; } = [.. SmallSets, "dartbart"];

    /// <summary>Figures from the tools' own tests.</summary>
    public static JsonElement Published => Json.Value.GetProperty("_published");

    /// <summary>The figures of one set.</summary>
    public static JsonElement Of(string set) => Json.Value.GetProperty("examples").GetProperty(set);

    /// <summary>The rows of one set.</summary>
    public static Segment[] Segments(string set) => Texts.GetOrAdd(set, Read);

    /// <summary>A test case for each of the given entries that a set has.</summary>
    public static IEnumerable<object[]> Cases(IEnumerable<string> sets, IEnumerable<string> entries) =>
        sets.SelectMany(set => entries.Select(entry => new object[] { set, entry }));

    /// <summary>The rows of outputs and streams of references, as the tools' tests write them.</summary>
    public static Segment[] FromStreams(JsonElement outputs, JsonElement streams) =>
        [.. outputs.EnumerateArray().Select((output, row) =>
        new Segment(output.GetString()!, [.. streams.EnumerateArray().Select(stream => stream[row].GetString()!)]))];

    /// <summary>The member whose name begins so.</summary>
    public static JsonElement Starting(this JsonElement parent, string beginning) =>
        parent.EnumerateObject().Single(member => member.Name.StartsWith(beginning, StringComparison.Ordinal)).Value;

    public static string Locate(string file) => Path.Combine(Fixtures.Require(Fixtures.Metrics), file);

    private static Segment[] Read(string set)
    {
        string[] outputs = Lines(File.ReadAllText(Locate($"{set}.hyp.txt")));
        string[][] references =
            [.. File.ReadAllText(Locate($"{set}.refs.txt")).TrimEnd('\n').Split("\n\n").Select(Lines)];
        if (outputs.Length != references.Length)
            throw new InvalidDataException(
                $"{set}: {outputs.Length} outputs, {references.Length} groups of references.");
        return [.. outputs.Zip(references, (output, texts) => new Segment(output, texts))];
    }

    private static string[] Lines(string text) => (text.EndsWith('\n') ? text[..^1] : text).Split('\n');
}
