using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Microsoft.ML.PrefixTuning;

/// <summary>All that can be chosen when a base writes questions and answers about a document.</summary>
public sealed record SelfStudyOptions
{
    /// <summary>
    /// Tokens of a part of the document, at most. The base asks and answers about one part at a time; parts end between
    /// sentences where they can.
    /// </summary>
    /// <value>The default is 512. A number above the document's tokens makes one part of it.</value>
    public int TokensPerPart { get; init; } = 512;

    /// <summary>Questions about each part; at most 10,000.</summary>
    /// <value>The default is 16.</value>
    public int QuestionsPerPart { get; init; } = 16;

    /// <summary>
    /// What the base is asked for behind a part, one after the other and again from the first, so that questions are of
    /// several kinds.
    /// </summary>
    /// <value>
    /// The default is five: for a fact, a name or number, a reason, how something is done, and a summary.
    /// </value>
    public IReadOnlyList<string> SeedPrompts { get; init; } =
    [
        "Write one short question about a fact in the text above.",
        "Write one short question about a name, a place or a number in the text above.",
        "Write one short question that begins with why, about the text above.",
        "Write one short question about how something in the text above is done.",
        "Write one short question that asks for a summary of something in the text above.",
    ];

    /// <summary>Divides the logits of the questions, which are drawn; 0.001 to 1000. Answers are greedy.</summary>
    /// <value>The default is 0.7.</value>
    public double QuestionTemperature { get; init; } = 0.7;

    /// <summary>Seed of the questions: the same one writes the same rows.</summary>
    /// <value>The default is 0.</value>
    public int Seed { get; init; }

    /// <summary>Tokens of a question, at most.</summary>
    /// <value>The default is 48.</value>
    public int MaxQuestionTokens { get; init; } = 48;

    /// <summary>Tokens of an answer, at most.</summary>
    /// <value>The default is 96.</value>
    public int MaxAnswerTokens { get; init; } = 96;

    /// <summary>
    /// What stands around a part and the seed prompt or question behind it, with <c>{input}</c> in it once; the student
    /// is trained with it around the question alone (<see cref="PrefixTuningOptions.Template"/>). A base that was
    /// taught to converse asks and answers best by <see cref="BaseModel.OpenChatTemplate"/>.
    /// </summary>
    /// <value>The default is <see langword="null"/>: <c>{input}</c> and a line break.</value>
    public string? Template { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.Precision"/>
    public ModelPrecision Precision { get; init; } = ModelPrecision.Float32;

    /// <summary>The device by torch's name, such as <c>cpu</c> or <c>cuda:1</c>.</summary>
    /// <value>The default is <see langword="null"/>: the processor.</value>
    public string? Device { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.Threads"/>
    public int? Threads { get; init; }

    /// <summary>Called behind every part.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public Action<SelfStudyProgress>? Progress { get; init; }

    /// <summary>Ends the writing, at the next token.</summary>
    /// <value>The default is none.</value>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(1, TokensPerPart, nameof(TokensPerPart));
        faults.Within(1, OptionBounds.Questions, QuestionsPerPart, nameof(QuestionsPerPart));
        faults.Words(SeedPrompts, nameof(SeedPrompts));
        faults.That(SeedPrompts is null || SeedPrompts.Any(), nameof(SeedPrompts), "at least one text", "none");
        faults.Temperature(QuestionTemperature, nameof(QuestionTemperature));
        faults.Within(1, OptionBounds.NewTokens, MaxQuestionTokens, nameof(MaxQuestionTokens));
        faults.Within(1, OptionBounds.NewTokens, MaxAnswerTokens, nameof(MaxAnswerTokens));
        InputPlaceholder.Check(faults, Template);
        DeviceName.Check(faults, Device, Precision);
        faults.Within(1, OptionBounds.Threads, Threads ?? 1, nameof(Threads));
        faults.Known(Precision, nameof(Precision));
    }
}

/// <summary>Where a self-study stands.</summary>
/// <param name="Parts">Parts of the document that are done.</param>
/// <param name="TotalParts">Parts in all.</param>
/// <param name="Rows">Questions with answers so far.</param>
public sealed record SelfStudyProgress(int Parts, int TotalParts, int Rows);

/// <summary>A question about a part of a document, and its answer; a row for <c>DistillPrefix</c>.</summary>
public sealed class StudyRow
{
    /// <summary>The question.</summary>
    public string Question { get; set; } = "";

    /// <summary>What the base answers with the part in front.</summary>
    public string Answer { get; set; } = "";

    /// <summary>The part, with a line break at its end: what <see cref="PrefixTeacher.FromColumn"/> reads.</summary>
    public string Part { get; set; } = "";

    /// <summary>Number of the part, from 0.</summary>
    public int PartNumber { get; set; }
}
