using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>The word lists of METEOR for English.</summary>
/// <param name="FunctionWords">Words that weigh less.</param>
/// <param name="NonbreakingPrefixes">Abbreviations that keep their dot; true for those that keep it only in front of a
/// number.</param>
/// <param name="Synonyms">Senses of words; null where words do not match by sense.</param>
internal sealed record MeteorResources(IReadOnlySet<string> FunctionWords,
    IReadOnlyDictionary<string, bool> NonbreakingPrefixes, SynonymDictionary? Synonyms)
{
    private const string FunctionWordsFile = "function.english.words";
    private const string PrefixesFile = "nonbreaking.english.prefixes";
    private const string SynsetsFile = "english.synsets";
    private const string ExceptionsFile = "english.exceptions";

    private static readonly Lazy<MeteorResources> Embedded = new(() => Read(Open, synonyms: null));

    /// <summary>
    /// The lists that come with the library: METEOR 1.5's, unchanged, without a dictionary of senses.
    /// </summary>
    public static MeteorResources BuiltIn => Embedded.Value;

    /// <summary>The lists of a folder; those that come with the library for null.</summary>
    /// <inheritdoc cref="FromFolder"/>
    public static MeteorResources Of(string? folder) => folder is null ? BuiltIn : FromFolder(folder);

    /// <summary>
    /// Lists from a folder with METEOR's files: <c>function.english.words</c> and <c>nonbreaking.english.prefixes</c>,
    /// each in
    /// place of the one that comes with the library, and <c>english.synsets</c> with <c>english.exceptions</c>, by
    /// which words
    /// match by sense. Files may be missing.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder has none of the files, or senses without their
    /// exceptions.</exception>
    /// <exception cref="FormatException">A file is not what its name says.</exception>
    public static MeteorResources FromFolder(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"No folder '{folder}': expected one with METEOR's {Names}.");
        string synsets = Path.Combine(folder, SynsetsFile), exceptions = Path.Combine(folder, ExceptionsFile);
        if (!Array.Exists([FunctionWordsFile, PrefixesFile, SynsetsFile], name =>
            File.Exists(Path.Combine(folder, name))))
            throw new FileNotFoundException($"Folder '{folder}': expected at least one of {Names}, found none.");
        SynonymDictionary? synonyms = File.Exists(synsets) ? SynonymDictionary.Read(synsets, exceptions) : null;
        return Read(name => File.Exists(Path.Combine(folder, name)) ? File.OpenRead(Path.Combine(folder, name))
            : Open(name),
            synonyms);
    }

    private static string Names => $"{FunctionWordsFile}, {PrefixesFile}, {SynsetsFile}";

    private static MeteorResources Read(Func<string, Stream> open, SynonymDictionary? synonyms)
    {
        var prefixes = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (string line in Lines(open(PrefixesFile)))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (parts.Length > 0 && parts[0][0] != '#')
                prefixes[parts[0]] = parts.Length > 1 && parts[1] == "#NUMERIC_ONLY#";
        }
        return new MeteorResources(Lines(open(FunctionWordsFile)).ToHashSet(StringComparer.Ordinal), prefixes,
            synonyms);
    }

    private static IEnumerable<string> Lines(Stream stream)
    {
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
            yield return line;
    }

    private static Stream Open(string name) => Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
}
