using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A GGUF model that lies in several files, as <c>llama-gguf-split</c> makes them: the first one has the keys, all have
/// tensors, their names end in <c>-00001-of-00003.gguf</c>, and keys <c>split.*</c> say what a file is.
/// </summary>
internal static partial class GgufSplit
{
    private const string NumberKey = "split.no", CountKey = "split.count", TensorsKey = "split.tensors.count";
    private const string Remedy = "name the first part beside the others, or join them with llama-gguf-split --merge";

    /// <summary>
    /// The files that a model lies in, by name alone: the file, and where it is a first part, those behind it.
    /// </summary>
    /// <param name="path">The file.</param>
    public static IReadOnlyList<string> Files(string path)
    {
        if (Name().Match(Path.GetFileName(path)) is not { Success: true } name || Number(name.Groups[2]) != 1)
            return [path];
        // Only what is there: the number in a name may be anything.
        return [path, .. Enumerable.Range(2, Math.Max(0, Number(name.Groups[3]) - 1))
            .Select(number => PathOf(path, name, number)).TakeWhile(File.Exists)];
    }

    /// <summary>Opens all parts behind a first one.</summary>
    /// <param name="first">The file that was named; the caller's.</param>
    /// <returns>The others, the caller's; none where the file is whole.</returns>
    /// <exception cref="FileNotFoundException">A part is missing.</exception>
    /// <exception cref="FormatException">
    /// The file is a later part, or one of files joined byte by byte, or a part does not belong to it.
    /// </exception>
    public static IReadOnlyList<GgufPart> OpenOthers(GgufPart first)
    {
        if (PlaceOf(first) is not { Count: > 1 } place)
            return [];
        string what = $"{first.Name}: part {place.Number + 1} of {place.Count} of a split file";
        if (first.IsFollowedByAnother)
            throw new FormatException(
                $"{what}, with another part behind it in the same file: {Remedy}; "
                + "parts cannot be joined byte by byte.");
        Match name = Name().Match(first.Name);
        if (place.Number != 0)
        {
            string named = name.Success ? $", {FileText.Quote(Path.GetFileName(PathOf(first.FullPath, name, 1)))}" : "";
            throw new FormatException($"{what}: expected the first part{named}: {Remedy}.");
        }
        if (!name.Success || Number(name.Groups[2]) != 1 || Number(name.Groups[3]) != place.Count)
            throw new FormatException(string.Create(CultureInfo.InvariantCulture,
                $"{what}: expected a name that ends in '-00001-of-{place.Count:d5}.gguf': {Remedy}."));
        return OpenOthers(first, place.Count, number => PathOf(first.FullPath, name, number));
    }

    private static List<GgufPart> OpenOthers(GgufPart first, int count, Func<int, string> pathOf)
    {
        var others = new List<GgufPart>();
        try
        {
            for (int number = 2; number <= count; number++)
            {
                string path = pathOf(number);
                if (!File.Exists(path))
                    throw new FileNotFoundException($"{first.Name}: part {number} of {count} of the split file: "
                        + $"expected {FileText.Quote(Path.GetFileName(path))} beside it, found nothing.", path);
                others.Add(GgufPart.Open(path));
                if (PlaceOf(others[^1]) != (number - 1, count))
                    throw new FormatException($"{others[^1].Name}: keys '{NumberKey}' and '{CountKey}': expected "
                        + $"{number - 1} and {count}, as the file's name says, found {Shown(PlaceOf(others[^1]))}.");
            }
            CheckTensors(first, others);
            return others;
        }
        catch
        {
            others.ForEach(part => part.Dispose());
            throw;
        }
    }

    private static void CheckTensors(GgufPart first, List<GgufPart> others)
    {
        var names = new HashSet<string>(first.Tensors.Keys, StringComparer.Ordinal);
        foreach (GgufPart part in others)
        {
            foreach (string tensor in part.Tensors.Keys)
            {
                if (!names.Add(tensor))
                    throw new FormatException(
                        $"{part.Name}: tensor {FileText.Quote(tensor)}: expected in one part, found in two.");
            }
        }
        if (Whole(first, TensorsKey) is { } told && told != names.Count)
            throw new FormatException(
                $"{first.Name}: key '{TensorsKey}': expected the tensors of all parts, {names.Count}, found {told}.");
    }

    // A file's number among the parts, from 0, and how many there are; null for one that does not say.
    private static (int Number, int Count)? PlaceOf(GgufPart part)
    {
        if (Whole(part, CountKey) is not { } count)
            return null;
        long number = Whole(part, NumberKey) ?? 0;
        if (count is >= 0 and <= ushort.MaxValue && number >= 0 && (number < count || count == 0))
            return ((int)number, (int)count);
        throw new FormatException($"{part.Name}: keys '{NumberKey}' and '{CountKey}': expected a part's number below "
            + $"the number of parts, at most {ushort.MaxValue}, found {number} and {count}.");
    }

    private static long? Whole(GgufPart part, string key) => part.Metadata.GetValueOrDefault(key) switch
    {
        null => null,
        byte or sbyte or short or ushort or int or uint or long =>
            Convert.ToInt64(part.Metadata[key], CultureInfo.InvariantCulture),
        var other => throw new FormatException(
            $"{part.Name}: key '{key}': expected a whole number, found {other.GetType().Name}."),
    };

    private static string Shown((int Number, int Count)? place) =>
        place is { } found ? $"{found.Number} and {found.Count}" : "none";

    private static string PathOf(string path, Match name, int number) => Path.Combine(Path.GetDirectoryName(path) ?? "",
        string.Create(CultureInfo.InvariantCulture, $"{name.Groups[1]}-{number:d5}-of-{name.Groups[3]}.gguf"));

    private static int Number(Group digits) => int.Parse(digits.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(.*)-([0-9]{5})-of-([0-9]{5})\.gguf$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
