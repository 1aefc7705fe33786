using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A document for the tiny base, longer than its context of 320 tokens.</summary>
internal static class StudyDocument
{
    public static string Text { get; } = string.Join(' ', TinyBase.Rows(30).Select(row => row.Label));

    /// <summary>Options that write a few short rows about each part.</summary>
    public static SelfStudyOptions Quick { get; } = new()
    {
        TokensPerPart = 80,
        QuestionsPerPart = 4,
        MaxQuestionTokens = 10,
        MaxAnswerTokens = 8,
        SeedPrompts = ["Venue", "name"],
    };
}
