using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A model's raw configuration with typed getters: a value is obeyed or refused with file, key, what was expected and
/// what was found. A key that is null counts as absent where nothing else is said.
/// </summary>
internal sealed class ModelConfig
{
    // Beyond any checkpoint; keeps a lying number from making loops or arrays.
    private const int LargestCount = 1 << 24;
    private const int LongestQuote = 200;

    private readonly JsonObject _values;
    private readonly string _path;
    private readonly IReadOnlyDictionary<string, string>? _names;

    /// <summary>Wraps values read from elsewhere.</summary>
    /// <param name="values">Keys and values.</param>
    /// <param name="file">File for messages.</param>
    /// <param name="path">Where in the file the keys lie, such as <c>rope_parameters.</c>.</param>
    /// <param name="names">What keys, with their path, are called in the file, where that differs.</param>
    public ModelConfig(JsonObject values, string file, string path = "",
        IReadOnlyDictionary<string, string>? names = null) =>
        (_values, File, _path, _names) = (values, file, path, names);

    /// <summary>File for messages.</summary>
    public string File { get; }

    /// <summary>Reads a JSON file.</summary>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">It is not a JSON object.</exception>
    public static ModelConfig Read(string path)
    {
        string file = Path.GetFileName(path);
        if (!System.IO.File.Exists(path))
            throw new FileNotFoundException($"{file}: expected in '{Path.GetDirectoryName(path)}', not found.", path);
        return Parse(System.IO.File.ReadAllBytes(path), file);
    }

    /// <summary>Parses JSON bytes.</summary>
    /// <exception cref="FormatException">They are not a JSON object.</exception>
    public static ModelConfig Parse(ReadOnlySpan<byte> json, string file)
    {
        JsonNode? node;
        try
        {
            ReadOnlySpan<byte> mark = Encoding.UTF8.Preamble;
            node = JsonNode.Parse(json.StartsWith(mark) ? json[mark.Length..] : json);
            // Nodes are parsed lazily: a key that stands twice shows only when an object is walked.
            Walk(node);
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException)
        {
            // .NET counts lines from 0, editors from 1.
            string place = fault is JsonException { LineNumber: long line } ? $" in line {line + 1}" : "";
            string reason = Quote(fault.Message.Split(" LineNumber: ")[0].TrimEnd(' ', '|'));
            throw new FormatException($"{file}: expected JSON, found something else{place}: {reason}", fault);
        }
        return node is JsonObject values ? new ModelConfig(values, file)
            : throw new FormatException($"{file}: expected a JSON object, found {Show(node)}.");
    }

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => _values.TryGetPropertyValue(key, out JsonNode? node) && node is not null;

    /// <summary>Whether the key is there and null.</summary>
    public bool IsNull(string key) => _values.ContainsKey(key) && !Has(key);

    /// <summary>A whole number from 1 up.</summary>
    public int Count(string key) => Whole(key, 1) ?? throw Missing(key);

    /// <inheritdoc cref="Count(string)"/>
    public int Count(string key, int otherwise) => Whole(key, 1) ?? otherwise;

    /// <summary>
    /// A whole number from <paramref name="least"/> up, <paramref name="absent"/> where the key is not there, or null
    /// where it is null.
    /// </summary>
    public int? Whole(string key, int least, int? absent = null)
    {
        if (!Has(key))
            return _values.ContainsKey(key) ? null : absent;
        if (_values[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture,
                out double number)
            && number == Math.Floor(number) && number >= least && number <= LargestCount)
            return (int)number;
        throw Wrong(key, $"a whole number from {least} to {LargestCount}");
    }

    /// <summary>A finite number above 0.</summary>
    public double Positive(string key, double? otherwise = null)
    {
        double value = Number(key) ?? otherwise ?? throw Missing(key);
        return value > 0 ? value : throw Wrong(key, "a number above 0");
    }

    /// <summary>A finite number, or null where the key is absent.</summary>
    public double? Number(string key)
    {
        if (!Has(key))
            return null;
        if (_values[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture,
                out double number)
            && double.IsFinite(number))
            return number;
        throw Wrong(key, "a finite number");
    }

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool otherwise)
    {
        if (!Has(key))
            return otherwise;
        return _values[key]!.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(key, "true or false"),
        };
    }

    /// <summary>A text, or null where the key is absent.</summary>
    public string? Text(string key)
    {
        if (!Has(key))
            return null;
        return _values[key]!.GetValueKind() == JsonValueKind.String ? _values[key]!.GetValue<string>()
            : throw Wrong(key, "a text");
    }

    /// <summary>An object, or null where the key is absent.</summary>
    public ModelConfig? Object(string key)
    {
        if (!Has(key))
            return null;
        return _values[key] is JsonObject inner ? new ModelConfig(inner, File, $"{_path}{key}.", _names)
            : throw Wrong(key, "an object");
    }

    /// <summary>A list of texts, or null where the key is absent.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        if (!Has(key))
            return null;
        if (_values[key] is JsonArray list && list.All(item => item?.GetValueKind() == JsonValueKind.String))
            return list.Select(item => item!.GetValue<string>()).ToArray();
        throw Wrong(key, "a list of texts");
    }

    /// <summary>A list of finite numbers, or null where the key is absent.</summary>
    public IReadOnlyList<double>? Numbers(string key)
    {
        if (!Has(key))
            return null;
        if (_values[key] is JsonArray list && list.All(item => item?.GetValueKind() == JsonValueKind.Number))
        {
            double[] numbers =
                [.. list.Select(item => double.Parse(item!.ToJsonString(), CultureInfo.InvariantCulture))];
            if (numbers.All(double.IsFinite))
                return numbers;
        }
        throw Wrong(key, "a list of finite numbers");
    }

    /// <summary>
    /// A token id or a list of them, all below the limit; empty where the key is absent. -1 stands for none.
    /// </summary>
    public IReadOnlyList<int> Ids(string key, int vocabularySize)
    {
        if (!Has(key))
            return [];
        JsonNode?[] items = _values[key] is JsonArray list ? [.. list] : [_values[key]];
        var ids = new int[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            if (items[i] is not JsonValue value || value.GetValueKind() != JsonValueKind.Number
                || !int.TryParse(value.ToJsonString(), CultureInfo.InvariantCulture, out ids[i])
                || ids[i] < -1 || ids[i] >= vocabularySize)
                throw Wrong(key, $"token ids from 0 to {vocabularySize - 1}");
        }
        return Array.FindAll(ids, id => id >= 0);
    }

    /// <summary>Refuses a key that is set to something the graph cannot do.</summary>
    /// <param name="key">The key.</param>
    /// <param name="supported">The values, as JSON, that mean what the graph does; absent and null always do.</param>
    /// <exception cref="NotSupportedException">The key has another value.</exception>
    public void Only(string key, params string[] supported)
    {
        if (Has(key) && !supported.Contains(_values[key]!.ToJsonString()))
            throw Unsupported(key, supported.Length == 0 ? "nothing" : string.Join(" or ", supported));
    }

    /// <summary>The error for a key whose value this version cannot do.</summary>
    public NotSupportedException Unsupported(string key, string supported) =>
        new($"{File}: '{Name(key)}': found {Show(_values[key])}, supported is {supported}.");

    /// <summary>The error for a key whose value is no good.</summary>
    public FormatException Wrong(string key, string expected) =>
        new($"{File}: '{Name(key)}': expected {expected}, found {Show(_values[key])}.");

    /// <summary>The error for a key that is needed.</summary>
    public FormatException Missing(string key) => new($"{File}: '{Name(key)}' is missing.");

    private string Name(string key) => _names?.GetValueOrDefault(_path + key) ?? _path + key;

    private static string Show(JsonNode? node) => node is null ? "nothing" : Quote(node.ToJsonString());

    private static string Quote(string text) =>
        text.Length <= LongestQuote ? text : text[..LongestQuote] + "...";

    private static void Walk(JsonNode? node)
    {
        if (node is JsonObject values)
        {
            foreach ((_, JsonNode? inner) in values)
                Walk(inner);
        }
        else if (node is JsonArray list)
        {
            foreach (JsonNode? inner in list)
                Walk(inner);
        }
    }
}
