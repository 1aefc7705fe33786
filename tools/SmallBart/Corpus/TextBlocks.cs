using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.SmallBart.Corpus;

/// <summary>
/// Text files as blocks of neighbouring paragraphs in an order that chance decides: a novel's parts lie as far from
/// each other as two articles do.
/// </summary>
internal static class TextBlocks
{
    /// <summary>The line that ends a document.</summary>
    public const string DocumentEnd = "<|endoftext|>";

    private const int BlockCharacters = 2000;

    /// <summary>Reads files.</summary>
    /// <param name="paths">UTF-8, a paragraph a line, <see cref="DocumentEnd"/> behind each document.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <returns>Blocks of one or more paragraphs of one document, with a space between them.</returns>
    public static string[] Read(IEnumerable<string> paths, int seed)
    {
        var blocks = new List<string>();
        var paragraphs = new List<string>();
        int characters = 0;
        foreach (string path in paths)
        {
            foreach (string line in File.ReadLines(path))
            {
                bool ends = line == DocumentEnd;
                if (!ends && line.Length > 0)
                {
                    paragraphs.Add(line);
                    characters += line.Length;
                }
                if (ends || characters >= BlockCharacters)
                    Flush();
            }
            Flush();
        }
        string[] all = [.. blocks];
        new SeededRandom(seed, RandomPurpose.Order).Shuffle(all.AsSpan());
        return all;

        void Flush()
        {
            if (paragraphs.Count > 0)
                blocks.Add(string.Join(' ', paragraphs));
            paragraphs.Clear();
            characters = 0;
        }
    }
}
