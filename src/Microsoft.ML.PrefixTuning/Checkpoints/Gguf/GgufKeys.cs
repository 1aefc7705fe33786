using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// Typed reading of a GGUF file's keys below a prefix; a key that has another type is refused by name.
/// </summary>
/// <param name="metadata">The file's keys.</param>
/// <param name="file">The file's name, for messages.</param>
/// <param name="prefix">In front of every key: <c>llama.</c>, or nothing.</param>
internal sealed class GgufKeys(IReadOnlyDictionary<string, object> metadata, string file, string prefix = "")
{
    /// <summary>The keys of a file.</summary>
    public GgufKeys(GgufFile file, string prefix = "")
        : this(file.Metadata, file.Name, prefix)
    {
    }

    /// <summary>All keys below the prefix, without it.</summary>
    public IEnumerable<string> Names => metadata.Keys
        .Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => key[prefix.Length..]);

    /// <summary>The value, or null where the key is absent.</summary>
    public object? Value(string key) => metadata.GetValueOrDefault(prefix + key);

    /// <summary>A text, or null where the key is absent.</summary>
    public string? Text(string key) => Value(key) switch
    {
        null => null,
        string text => text,
        _ => throw Wrong(key, "a text"),
    };

    /// <summary>A whole number, or null where the key is absent.</summary>
    public long? Whole(string key) => Value(key) switch
    {
        null => null,
        byte or sbyte or short or ushort or int or uint or long => Convert.ToInt64(Value(key)),
        ulong number when number <= long.MaxValue => (long)number,
        _ => throw Wrong(key, "a whole number"),
    };

    /// <summary>A finite number, or null where the key is absent.</summary>
    public double? Number(string key) => Value(key) switch
    {
        float number when float.IsFinite(number) => number,
        double number when double.IsFinite(number) => number,
        float or double => throw Wrong(key, "a finite number"),
        _ => Whole(key),
    };

    /// <summary>True or false, or null where the key is absent.</summary>
    public bool? Flag(string key) => Value(key) switch
    {
        null => null,
        bool flag => flag,
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>A list, or null where the key is absent.</summary>
    public T[]? List<T>(string key) => Value(key) switch
    {
        null => null,
        T[] list => list,
        _ => throw Wrong(key, $"a list of {typeof(T).Name}"),
    };

    /// <summary>Where a key stands, for messages of its content.</summary>
    public string PlaceOf(string key) => $"{file}: '{prefix}{key}'";

    /// <summary>The error for a key that is needed.</summary>
    public FormatException Missing(string key) => new($"{PlaceOf(key)} is missing.");

    /// <summary>The error for a key whose value is no good.</summary>
    public FormatException Wrong(string key, string expected) =>
        new($"{PlaceOf(key)}: expected {expected}, found {Shown(key)}.");

    /// <summary>The error for a key whose value this version cannot do.</summary>
    public NotSupportedException Unsupported(string key, string supported) =>
        new($"{PlaceOf(key)}: found {Shown(key)}, supported is {supported}.");

    private string Shown(string key) => Value(key) switch
    {
        null => "nothing",
        string text => FileText.Quote(text),
        Array list => $"a list of {list.Length}",
        var other => FormattableString.Invariant($"{other}"),
    };
}
