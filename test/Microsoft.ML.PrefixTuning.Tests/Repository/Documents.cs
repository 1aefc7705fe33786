using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The documents that users read, and their parts.</summary>
internal static partial class Documents
{
    /// <summary>
    /// README, docs, what the packages show, and what stands beside data and models; with their full paths.
    /// </summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Path.Combine(Source.Root, "README.md"),
        .. Directory.EnumerateFiles(Path.Combine(Source.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal),
        .. Directory.EnumerateFiles(Path.Combine(Source.Root, "src"), "PACKAGE.md", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal),
        .. new[] { "test", "samples" }.SelectMany(folder => Directory.EnumerateFiles(
            Path.Combine(Source.Root, folder), "README.md", SearchOption.AllDirectories).Order(StringComparer.Ordinal)),
    ];

    /// <summary>A document's path for messages.</summary>
    public static string Name(string path) => Path.GetRelativePath(Source.Root, path).Replace('\\', '/');

    /// <summary>A document's text.</summary>
    public static string Read(string path) => File.ReadAllText(path).ReplaceLineEndings("\n");

    /// <summary>The blocks between fences, with their language.</summary>
    public static IEnumerable<(string Language, string Text)> Blocks(string text) =>
        Fence().Matches(text).Select(match => (match.Groups[1].Value, match.Groups[2].Value));

    /// <summary>What stands in backticks outside of fences.</summary>
    public static IEnumerable<string> InlineCode(string text) =>
        Inline().Matches(Fence().Replace(text, "")).Select(match => match.Groups[1].Value);

    /// <summary>The targets of links, where they are no addresses of the network.</summary>
    public static IEnumerable<string> LocalLinks(string text) => Link().Matches(Fence().Replace(text, ""))
        .Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal));

    /// <summary>The anchors that headings have, as GitHub makes them.</summary>
    public static IEnumerable<string> Anchors(string text) => Heading().Matches(Fence().Replace(text, ""))
        .Select(match => NoAnchor().Replace(match.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>The commands of a program in blocks of lines to be typed, as words.</summary>
    /// <param name="text">A document.</param>
    /// <param name="program">The program's name.</param>
    public static IEnumerable<(string Line, string[] Words)> Commands(string text, string program) =>
        from block in Blocks(text)
        where block.Language is "" or "console"
        from line in block.Text.Split('\n')
        from words in Shell(line.StartsWith("$ ", StringComparison.Ordinal) ? line[2..] : line)
        where words.Length > 1 && words[0] == program
        select (line, words[1..]);

    /// <summary>The programs of a shell's line, as words; what is read from or written to files is left out.</summary>
    public static IEnumerable<string[]> Shell(string line)
    {
        var words = new List<string>();
        foreach (Match match in Word().Matches(line))
        {
            string word = match.Value;
            if (word is "|" or ">" or "<")
            {
                yield return [.. words];
                words.Clear();
                continue;
            }
            words.Add(Quoted().Replace(word, quoted => quoted.Groups[1].Value + quoted.Groups[2].Value));
        }
        yield return [.. words];
    }

    /// <summary>Code without what a layout may change.</summary>
    public static string Strip(string code)
    {
        var text = new StringBuilder();
        foreach (string line in code.Split('\n').Where(line => !Using().IsMatch(line)))
            text.Append(WhiteSpace().Replace(line, ""));
        return text.ToString();
    }

    [GeneratedRegex(@"^```([a-z]*)\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoAnchor();

    [GeneratedRegex("""(?:[^\s'"|<>]|'[^']*'|"[^"]*")+|[|<>]""")]
    private static partial Regex Word();

    [GeneratedRegex("'([^']*)'|\"([^\"]*)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^\s*using [\w.]+;$")]
    private static partial Regex Using();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
