using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Rows about a long document, which the base writes itself: questions about its parts and the answers that it gives
/// with the part in front (self-study; Eyuboglu et al. 2025, "Cartridges"). <c>DistillPrefix</c> makes a short prefix
/// of them that answers as the document does.
/// </summary>
public static class SelfStudy
{
    // How often a question that is empty or there already is drawn anew.
    private const int Draws = 3;

    // Rows that are written together where their part is short.
    private const int MostRows = 16;

    /// <summary>
    /// Writes questions and answers about all parts of a document. The same seed writes the same rows.
    /// </summary>
    /// <param name="baseModel">The base, a decoder-only one.</param>
    /// <param name="document">The document, of any length; it is plain text.</param>
    /// <param name="options">Everything else; null means the defaults.</param>
    /// <returns>
    /// The rows, part after part. A question that stays empty or repeats another of its part is left out, and so is
    /// one without an answer.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The document is blank, or an option has no good value; the message names each one.
    /// </exception>
    /// <exception cref="NotSupportedException">The base is an encoder-decoder model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="System.IO.IOException">The base is not there or cannot be read.</exception>
    /// <exception cref="FormatException">A file of the base is broken.</exception>
    /// <remarks>Only use base models from sources you trust.</remarks>
    /// <example>
    /// <code>
    /// IReadOnlyList&lt;StudyRow&gt; rows = SelfStudy.Write(SmolLM2.Instruct135M, File.ReadAllText("handbook.txt"));
    /// var pipeline = mlContext.Transforms.Text.DistillPrefix("Reply", nameof(StudyRow.Question),
    ///     SmolLM2.Instruct135M, PrefixTeacher.FromColumn(nameof(StudyRow.Part)),
    ///     new DistillationOptions { ContinuationColumnName = nameof(StudyRow.Answer) });
    /// using PrefixTuningTransformer model = pipeline.Fit(mlContext.Data.LoadFromEnumerable(rows));
    /// </code>
    /// </example>
    public static IReadOnlyList<StudyRow> Write(BaseModel baseModel, string document, SelfStudyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentException.ThrowIfNullOrWhiteSpace(document);
        options ??= new SelfStudyOptions();
        Faults.Throw(options.Check);
        CancellationToken cancellation = options.CancellationToken;
        UsedPrecision precision = UsedPrecision.Of(options.Precision);
        using BaseLease lease = Files.Cancelling.By(cancellation.ThrowIfCancellationRequested,
            () => BaseLoader.Acquire(baseModel, precision, options.Device));
        var reader = new StudyReader(lease.Base, options, document);
        IReadOnlyList<string> parts = reader.Parts();
        var rows = new List<StudyRow>();
        for (int part = 0; part < parts.Count; part++)
        {
            cancellation.ThrowIfCancellationRequested();
            PrefixesByValue front = PrefixesByValue.ForAll(Read(reader, parts[part], options.Threads));
            string[] questions = Ask(lease, front, part, options, reader);
            string[] answers = Answer(lease, front, questions, options, reader);
            rows.AddRange(questions.Zip(answers).Where(pair => !string.IsNullOrWhiteSpace(pair.Second))
                .Select(pair => new StudyRow
                {
                    Question = pair.First,
                    Answer = pair.Second,
                    Part = parts[part],
                    PartNumber = part,
                }));
            options.Progress?.Invoke(new SelfStudyProgress(part + 1, parts.Count, rows.Count));
        }
        return rows;
    }

    private static Prefix Read(StudyReader reader, string part, int? threads)
    {
        using var used = TorchThreads.Use(threads);
        return reader.Read(part);
    }

    private static string[] Ask(BaseLease lease, PrefixesByValue front, int part, SelfStudyOptions options,
        StudyReader reader)
    {
        var generation = new GenerationOptions
        {
            Decoding = Decoding.Sampling(options.QuestionTemperature, seed: options.Seed),
            MaxNewTokens = options.MaxQuestionTokens,
        };
        using TextSession session = Open(lease, front, options, generation, reader);
        var found = new string[options.QuestionsPerPart];
        var known = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        int[] open = [.. Enumerable.Range(0, found.Length)];
        for (int draw = 0; draw < Draws && open.Length > 0; draw++)
        {
            GeneratedText[] texts = session.Generate([.. open.Select(place =>
                new InputRow(place, Prompt(options, part, place))
                {
                    Draw = string.Create(CultureInfo.InvariantCulture, $"{part} {place} {draw}"),
                })], options.CancellationToken.ThrowIfCancellationRequested, null);
            foreach ((int place, GeneratedText text) in open.Zip(texts))
            {
                if (FirstLine(text.Texts[0]) is { Length: > 0 } question && known.Add(question))
                    found[place] = question;
            }
            open = [.. open.Where(place => found[place] is null)];
        }
        return [.. found.OfType<string>()];
    }

    private static string[] Answer(BaseLease lease, PrefixesByValue front, string[] questions,
        SelfStudyOptions options, StudyReader reader)
    {
        var generation = new GenerationOptions { MaxNewTokens = options.MaxAnswerTokens };
        using TextSession session = Open(lease, front, options, generation, reader);
        return [.. session.Generate([.. questions.Select((question, place) => new InputRow(place, question))],
            options.CancellationToken.ThrowIfCancellationRequested, null).Select(text => text.Texts[0])];
    }

    // The parts of a document take turns, so that few questions a part still ask for all kinds.
    private static string Prompt(SelfStudyOptions options, int part, int place) =>
        options.SeedPrompts[(int)(((long)part * options.QuestionsPerPart + place) % options.SeedPrompts.Count)];

    private static TextSession Open(BaseLease lease, PrefixesByValue front, SelfStudyOptions options,
        GenerationOptions generation, StudyReader reader)
    {
        generation = generation with { BatchSize = TextPrefix.RowsTogether(MostRows, reader.Columns) };
        var settings = new TextSettings("", nameof(StudyRow.Question), reader.Template, generation, options.Precision,
            EmbedBase: false)
        { Threads = options.Threads };
        return new TextSession(lease.Share(), settings.Decided(), front);
    }

    private static string FirstLine(string text) =>
        text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
}
