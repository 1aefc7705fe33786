using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// Typed reading of a GGUF file's keys below a prefix; a key that has another type is refused by name.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="prefix">In front of every key: <c>llama.</c>, or nothing.</param>
internal sealed class GgufKeys(GgufFile file, string prefix = "")
{
    /// <summary>The value, or null where the key is absent.</summary>
    public object? Value(string key) => file.Metadata.GetValueOrDefault(prefix + key);

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

    /// <summary>The error for a key that is needed.</summary>
    public FormatException Missing(string key) => new($"{file.Name}: key '{prefix}{key}' is missing.");

    /// <summary>The error for a key whose value is no good.</summary>
    public FormatException Wrong(string key, string expected) =>
        new($"{file.Name}: key '{prefix}{key}': expected {expected}, found {Shown(key)}.");

    /// <summary>The error for a key whose value this version cannot do.</summary>
    public NotSupportedException Unsupported(string key, string supported) =>
        new($"{file.Name}: key '{prefix}{key}': found {Shown(key)}, supported is {supported}.");

    private string Shown(string key) => Value(key) switch
    {
        null => "nothing",
        string text => FileText.Quote(text),
        Array list => $"a list of {list.Length}",
        var other => FormattableString.Invariant($"{other}"),
    };
}
