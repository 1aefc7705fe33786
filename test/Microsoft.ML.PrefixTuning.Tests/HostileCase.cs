using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>One case of the hostile corpus; its README has the meaning of the fields.</summary>
internal sealed class HostileCase
{
    /// <summary>What a user may meet because of a file; types that derive from these are not meant.</summary>
    public static readonly Type[] Documented =
    [
        typeof(FormatException), typeof(InvalidDataException), typeof(NotSupportedException),
            typeof(FileNotFoundException),
        typeof(DirectoryNotFoundException), typeof(IOException), typeof(ArgumentException),
            typeof(ArgumentOutOfRangeException),
        typeof(InvalidOperationException),
    ];

    private readonly string _folder;
    private readonly JsonElement _fields;

    private HostileCase(string folder, JsonElement fields) => (_folder, _fields) = (folder, fields);

    public string Id => Text("id")!;

    public string Kind => Text("kind")!;

    /// <summary>File or folder, absolute.</summary>
    public string Path => System.IO.Path.Combine(_folder, Text("path")!);

    public string Wrong => Text("wrong")!;

    public string Expect => Text("expect")!;

    /// <summary>The good base to load first, absolute, or null.</summary>
    public string? Base => Text("base") is { } path ? System.IO.Path.Combine(_folder, path) : null;

    /// <summary>A file that only an executed pickle makes, in the current folder.</summary>
    public string? Marker => Text("marker");

    /// <summary>Per row the ids of its source as plain text, or null.</summary>
    public int[][]? PlainIds => _fields.TryGetProperty("plain_ids", out JsonElement ids) ? ids.Deserialize<int[][]>()
        : null;

    /// <summary>Bytes of the file, or of all files of the folder.</summary>
    public long Size => File.Exists(Path) ? new FileInfo(Path).Length : Files().Sum(file => new FileInfo(file).Length);

    /// <summary>Reads the corpus.</summary>
    public static IReadOnlyList<HostileCase> ReadAll(string folder)
    {
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(folder, "cases.json")));
        return [.. cases.RootElement.EnumerateArray().Select(fields => new HostileCase(folder, fields.Clone()))];
    }

    /// <summary>The files that are there, beside a lone file too.</summary>
    public string[] Files() => [.. Directory.GetFiles(File.Exists(Path) ? System.IO.Path.GetDirectoryName(Path)! : Path)
        .Order(StringComparer.Ordinal)];

    /// <summary>Whether a refusal has a documented kind, one of the words, and the file's name.</summary>
    public void CheckFault(Exception fault)
    {
        CollectionAssert.Contains(Documented, fault.GetType(), $"{fault}");
        string message = fault.Message.ToLowerInvariant();
        string[] words = [.. _fields.GetProperty("words").EnumerateArray().Select(word => word.GetString()!)];
        Assert.IsTrue(words.Any(message.Contains),
            $"Expected one of: {string.Join(", ", words)}. Found: {fault.Message}");
        string file = Text("file") ?? System.IO.Path.GetFileName(Path);
        Assert.Contains(file.ToLowerInvariant(), message, $"The message does not name the file: {fault.Message}");
        Assert.IsLessThan(2000, message.Length);
    }

    private string? Text(string key) => _fields.TryGetProperty(key, out JsonElement value)
        && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
