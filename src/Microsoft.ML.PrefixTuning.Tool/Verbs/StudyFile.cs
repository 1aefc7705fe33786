using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// Rows that a base writes about a document, as a file of JSON lines. Deletes one that nobody asked for.
/// </summary>
/// <param name="kept">Where the rows stay; null for nowhere.</param>
/// <remarks>Of processes that train together each writes the same rows, and the first one alone keeps them.</remarks>
internal sealed class StudyFile(string? kept) : IDisposable
{
    /// <summary>Columns beside the question.</summary>
    public const string Answer = nameof(StudyRow.Answer), Part = nameof(StudyRow.Part);

    private static readonly string[] Endings = [".jsonl", ".ndjson", ".json"];

    private PrivateFolder? _folder;

    /// <summary>Refuses a name by which the lines would be read as something else.</summary>
    /// <param name="path">Where the rows stay; null for nowhere.</param>
    /// <exception cref="UsageException">It is such a name.</exception>
    public static void CheckName(string? path)
    {
        if (path is null || !TableFormats.IsFile(path))
            return;
        string found = Path.GetExtension(path);
        if (!Array.Exists(Endings, ending => ending.Equals(found, StringComparison.OrdinalIgnoreCase)))
        {
            throw new UsageException(
                $"--study-rows: expected the name of a file of JSON lines ({string.Join(", ", Endings)}), found"
                    + $" '{path}'.");
        }
    }

    /// <summary>Has the base write the rows.</summary>
    /// <param name="baseModel">The base.</param>
    /// <param name="document">The document.</param>
    /// <param name="question">Column that takes the questions.</param>
    /// <param name="options">How they are written.</param>
    /// <param name="isFirst">Whether this process is alone, or the first of several.</param>
    /// <returns>The file.</returns>
    /// <exception cref="InvalidOperationException">It wrote none.</exception>
    public string Write(BaseModel baseModel, string document, string question, SelfStudyOptions options, bool isFirst)
    {
        string path = kept is not null && isFirst ? kept
            : Path.Combine((_folder ??= PrivateFolder.Make(null)).Path, "study.jsonl");
        AtomicFile.CheckWritable(path);
        IReadOnlyList<StudyRow> rows = SelfStudy.Write(baseModel, document, options);
        if (rows.Count == 0)
        {
            throw new InvalidOperationException("--document: expected questions and answers of the base, found none:"
                + " other --seed-prompts may help, or a base that was taught to follow instructions.");
        }
        var lines = new StringBuilder();
        foreach (StudyRow row in rows)
        {
            lines.Append($"{{{JsonText.Quote(question)}:{JsonText.Quote(row.Question)},{JsonText.Quote(Answer)}:"
                + $"{JsonText.Quote(row.Answer)},{JsonText.Quote(Part)}:{JsonText.Quote(row.Part)}}}\n");
        }
        AtomicFile.Write(path, TextFiles.Utf8.GetBytes(lines.ToString()));
        return path;
    }

    public void Dispose() => _folder?.Dispose();
}
