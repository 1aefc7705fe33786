using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// What a description must hold beyond the types of its values: JSON lets null into lists, and any number where one is
/// asked for.
/// </summary>
internal static class SavedModelCheck
{
    // Bytes; no file system takes a longer name.
    private const int LongestName = 255;

    // Hexadecimal digits of a SHA-256.
    private const int HashDigits = 64;

    /// <summary>Refuses a description that <see cref="SavedModel.ToBytes"/> does not write.</summary>
    /// <exception cref="JsonException">The message names the key.</exception>
    public static void Check(SavedModel saved)
    {
        That(saved.OutputColumn.Length > 0, "outputColumn", "a name", "an empty text");
        That(saved.InputColumn.Length > 0, "inputColumn", "a name", "an empty text");
        That(saved.AttributeColumn is not "", "attributeColumn", "a name or null", "an empty text");
        Size(saved.PrefixBytes ?? 1, "prefixBytes");
        That((saved.AttributeColumn is null) == (saved.AttributePrefixes is null), "attributePrefixes",
            "a list where there is an attributeColumn, and only there");
        Attributes(saved.AttributePrefixes ?? []);
        That(IsInnerPath(saved.Base.Name), "base.name", "a plain name, or several with '/' between",
            FileText.Quote(saved.Base.Name));
        That(saved.Base.Path.Length > 0, "base.path", "a path", "an empty text");
        Hash(saved.Base.Identity.Weights, "base.identity.weights");
        if (saved.Base.Files is { } files)
            Files(files);
        That(saved.Precision != ModelPrecision.Automatic, "precision", "one that was decided", "Automatic");
        That(saved.Precision == ModelPrecision.AsStored
            ? saved.Products is ModelPrecision.Float32 or ModelPrecision.BFloat16 : saved.Products is null, "products",
            "Float32 or BFloat16 where the precision is AsStored, and only there",
            saved.Products is { } found ? $"{found}" : "null");
        if (saved.TextRules is { } rules)
            That(rules.Version is >= 1 and <= TextRules.LatestVersion, "textRules.version",
                $"1 to {TextRules.LatestVersion}", $"{rules.Version}");
        if (saved.Training is { } training)
            Training(training);
    }

    private static void Attributes(IReadOnlyList<SavedAttribute> prefixes)
    {
        NoNull(prefixes, "attributePrefixes");
        foreach (SavedAttribute prefix in prefixes)
            Size(prefix.Bytes, $"attributePrefixes, value {FileText.Quote(prefix.Value)}, bytes");
        Once(prefixes.Select(prefix => prefix.Value), StringComparer.Ordinal, "attributePrefixes", "value");
    }

    private static void Files(IReadOnlyList<SavedFile> files)
    {
        NoNull(files, "base.files");
        That(files.Count > 0, "base.files", "at least one file, or null", "none");
        foreach (SavedFile file in files)
        {
            That(IsFileName(file.Name), "base.files", "plain file names", FileText.Quote(file.Name));
            That(file.Bytes >= 0, $"base.files, {FileText.Quote(file.Name)}, bytes", "0 or more", $"{file.Bytes}");
            Hash(file.Hash, $"base.files, {FileText.Quote(file.Name)}, hash");
        }
        // The file systems of Windows and macOS take names that differ in case alone for one.
        Once(files.Select(file => file.Name), StringComparer.OrdinalIgnoreCase, "base.files", "name");
    }

    private static void Training(TrainingSummary training)
    {
        NoNull(training.ValidationLosses, "training.validationLosses");
        NoNull(training.TriggerWords ?? [], "training.triggerWords");
    }

    // It is looked for below folders of this machine and must not lead out of them. A base at the root of a disk has a
    // '/' in front of its name.
    public static bool IsInnerPath(string name) => name.TrimStart('/').Split('/').All(part =>
        part is not ("" or "." or "..") && !part.Any(char.IsControl)
        && !(OperatingSystem.IsWindows() && part.AsSpan().ContainsAny('\\', ':')));

    private static bool IsFileName(string name) =>
        FileText.IsPlainName(name) && Encoding.UTF8.GetByteCount(name) <= LongestName;

    // A stream is read into one array.
    private static void Size(long bytes, string key) =>
        That(bytes > 0 && bytes <= Array.MaxLength, key, $"1 to {Array.MaxLength}", $"{bytes}");

    private static void Hash(string hash, string key) =>
        That(hash.Length == HashDigits && hash.All(char.IsAsciiHexDigitLower), key,
        $"{HashDigits} hexadecimal digits in lower case", FileText.Quote(hash));

    private static void NoNull<T>(IEnumerable<T> list, string key) =>
        That(list.All(one => one is not null), key, "no null in the list", "one");

    private static void Once(IEnumerable<string> texts, StringComparer comparer, string key, string what)
    {
        if (texts.CountBy(text => text, comparer).FirstOrDefault(text => text.Value > 1) is { Key: { } repeated })
            throw new JsonException($"{key}: expected each {what} once, found {FileText.Quote(repeated)} twice");
    }

    private static void That(bool good, string key, string expected, string? found = null)
    {
        if (!good)
            throw new JsonException($"{key}: expected {expected}" + (found is null ? "" : $", found {found}"));
    }
}
