using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A model's raw configuration with typed getters: a value is obeyed or refused with file, key, what was expected and
/// what was found. A key that is null counts as absent where nothing else is said.
/// </summary>
internal sealed class ModelConfig
{
    // Beyond any checkpoint; keeps a lying number from making loops or arrays.
    private const int LargestCount = 1 << 24;

    private readonly JsonSection _values;
    private readonly IReadOnlyDictionary<string, string>? _names;

    /// <summary>Wraps values read from elsewhere.</summary>
    /// <param name="values">An object with keys and values.</param>
    /// <param name="names">What keys, with their path, are called in the file, where that differs.</param>
    public ModelConfig(JsonSection values, IReadOnlyDictionary<string, string>? names = null) =>
        (_values, _names) = (values, names);

    /// <summary>File for messages.</summary>
    public string File => _values.File;

    /// <summary>Reads a JSON file.</summary>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">It is not a JSON object.</exception>
    public static ModelConfig Read(string path) => System.IO.File.Exists(path) ? new(JsonSection.Read(path))
        : throw new FileNotFoundException(
            $"{Path.GetFileName(path)}: expected in '{Path.GetDirectoryName(path)}', not found."
                + FileHint.OfFolder(Path.GetDirectoryName(path)!), path);

    /// <summary>Parses JSON bytes.</summary>
    /// <exception cref="FormatException">They are not a JSON object.</exception>
    public static ModelConfig Parse(ReadOnlySpan<byte> json, string file) => new(JsonSection.Parse(json, file));

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => _values.Find(key) is not null;

    /// <summary>The keys that are there and not null.</summary>
    public IEnumerable<string> Keys => _values.Element.EnumerateObject()
        .Where(member => member.Value.ValueKind != JsonValueKind.Null).Select(member => member.Name);

    /// <summary>Whether a key has the same value, or none, in another object; 8 and 8.0 are the same.</summary>
    public bool IsAlike(string key, ModelConfig other) => (_values.Find(key), other._values.Find(key)) switch
    {
        (null, null) => true,
        ({ } own, { } others) => JsonElement.DeepEquals(own.Element, others.Element),
        _ => false,
    };

    /// <summary>Whether the key is there and null.</summary>
    public bool IsNull(string key) => _values.Element.TryGetProperty(key, out _) && !Has(key);

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
        if (Find(key) is not { } value)
            return IsNull(key) ? null : absent;
        return value.Element.ValueKind == JsonValueKind.Number && value.Element.TryGetDouble(out double number)
            && number == Math.Floor(number) && number >= least && number <= LargestCount ? (int)number
            : throw value.Wrong($"a whole number from {least} to {LargestCount}");
    }

    /// <summary>A finite number above 0.</summary>
    public double Positive(string key, double? otherwise = null)
    {
        double value = Number(key) ?? otherwise ?? throw Missing(key);
        return value > 0 ? value : throw Wrong(key, "a number above 0");
    }

    /// <summary>A finite number, or null where the key is absent.</summary>
    public double? Number(string key) => Find(key)?.Number();

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool otherwise) => Find(key)?.Flag() ?? otherwise;

    /// <summary>A text, or null where the key is absent.</summary>
    public string? Text(string key) => Find(key)?.Text();

    /// <summary>An object, or null where the key is absent.</summary>
    public ModelConfig? Object(string key)
    {
        if (_values.Find(key) is not { } value)
            return null;
        return value.Element.ValueKind == JsonValueKind.Object ? new ModelConfig(value, _names)
            : throw Wrong(key, "an object");
    }

    /// <summary>A list of texts, or null where the key is absent.</summary>
    public IReadOnlyList<string>? Texts(string key) => Find(key) is not { } list ? null
        : [.. list.Items().Select(item => item.Text())];

    /// <summary>A list of finite numbers, or null where the key is absent.</summary>
    public IReadOnlyList<double>? Numbers(string key) => Find(key) is not { } list ? null
        : [.. list.Items().Select(item => item.Number())];

    /// <summary>
    /// A token id or a list of them, all below the limit; empty where the key is absent. -1 stands for none.
    /// </summary>
    public IReadOnlyList<int> Ids(string key, int vocabularySize)
    {
        if (Find(key) is not { } value)
            return [];
        JsonSection[] items = value.Element.ValueKind == JsonValueKind.Array ? [.. value.Items()] : [value];
        return Array.FindAll(Array.ConvertAll(items, Id), id => id >= 0);

        int Id(JsonSection item) => item.Element.ValueKind == JsonValueKind.Number
            && item.Element.TryGetInt32(out int id) && id >= -1 && id < vocabularySize ? id
            : throw value.Wrong($"token ids from 0 to {vocabularySize - 1}");
    }

    /// <summary>Refuses a key that is set to something the graph cannot do.</summary>
    /// <param name="key">The key.</param>
    /// <param name="supported">The values, as JSON, that mean what the graph does; absent and null always do.</param>
    /// <exception cref="NotSupportedException">The key has another value.</exception>
    public void Only(string key, params string[] supported)
    {
        if (Find(key) is { } value && !supported.Contains(JsonSerializer.Serialize(value.Element)))
            throw Unsupported(key, supported.Length == 0 ? "nothing" : string.Join(" or ", supported));
    }

    /// <summary>The error for a key whose value this version cannot do.</summary>
    public NotSupportedException Unsupported(string key, string supported) => Find(key)?.Unsupported(supported)
        ?? new($"{File}: {FileText.Quote(Name(key))}: found nothing, supported is {supported}.");

    /// <summary>The error for a key whose value is no good.</summary>
    public FormatException Wrong(string key, string expected) => Find(key)?.Wrong(expected)
        ?? new($"{File}: {FileText.Quote(Name(key))}: expected {expected}, found nothing.");

    /// <summary>The error for a key that is needed.</summary>
    public FormatException Missing(string key) => new($"{File}: {FileText.Quote(Name(key))} is missing.");

    /// <summary>The value of a key under the name that the file has for it; null where it is absent or null.</summary>
    private JsonSection? Find(string key) => _values.Find(key) is { } value ? value with { Path = Name(key) } : null;

    private string Name(string key)
    {
        string path = _values.PathOf(key);
        return _names?.GetValueOrDefault(path) ?? path;
    }
}
