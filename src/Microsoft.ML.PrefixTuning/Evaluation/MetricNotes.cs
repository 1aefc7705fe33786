using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>Explains figures that do not mean what they usually mean for the texts that were measured.</summary>
internal static class MetricNotes
{
    private const int Orders = 4;
    private const double Highest = 100, Rounding = 1e-9;

    // Scripts that write words without spaces between them, first and last character.
    private static readonly (char First, char Last)[] Unspaced =
    [
        ('\u0e00', '\u0eff'), // Thai, Lao
        ('\u1000', '\u109f'), // Burmese
        ('\u1780', '\u17ff'), // Khmer
        ('\u3040', '\u30ff'), // Hiragana, Katakana
        ('\u3400', '\u4dbf'), // Chinese characters, rare
        ('\u4e00', '\u9fff'), // Chinese characters
    ];

    /// <summary>What must be known of figures, one sentence or two each; none where all is as usual.</summary>
    /// <param name="metrics">The figures; NaN stands for those that were not asked for.</param>
    /// <param name="segments">What was measured.</param>
    /// <param name="tokenization">What BLEU took as a token.</param>
    public static IReadOnlyList<string> Of(TextGenerationMetrics metrics, IReadOnlyList<Segment> segments,
        BleuTokenization tokenization)
    {
        var notes = new List<string>();
        double papersBleu = double.IsNaN(metrics.E2E.Bleu) ? metrics.WebNlg.Bleu : metrics.E2E.Bleu;
        if (papersBleu > Highest + Rounding)
            notes.Add(OfPapersBleu(papersBleu, segments));
        if (!double.IsNaN(metrics.Rouge1.F)
            && segments.Any(segment => IsForeignToRouge(segment) || IsPartlyForeignToRouge(segment)))
            notes.Add(OfRouge(segments));
        if (CountsWords(metrics, tokenization) && segments.Any(IsUnspaced))
        {
            notes.Add("BLEU, NIST, CIDEr, TER, lengths: what stands between spaces is a word, but "
                + $"{Share(segments, IsUnspaced)} are in a script without spaces. "
                + "chrF, and BLEU of characters, are for such scripts.");
        }
        if (segments.Count == 1 && !double.IsNaN(metrics.Cider))
            notes.Add("CIDEr: one text alone has 0, for words weigh by how few of the texts' references have them.");
        return notes;
    }

    private static string OfPapersBleu(double figure, IReadOnlyList<Segment> segments)
    {
        string shown = figure.ToString("F2", CultureInfo.InvariantCulture);
        return $"BLEU of E2E and WebNLG papers: {shown} is above 100 because the challenge's script takes a text of w"
            + " words to have w - n + 1 n-grams, less than none where w is small: "
            + $"{Share(segments, segment => WordCount(segment.Output) < Orders)} have fewer than {Orders} words. "
            + "The other BLEU has no such rule.";
    }

    private static string OfRouge(IReadOnlyList<Segment> segments)
    {
        string note = "ROUGE: it knows the letters a to z and digits alone";
        if (segments.Any(IsForeignToRouge))
        {
            note += $", and counts 0 for {Share(segments, IsForeignToRouge)} that have none or whose references have"
                + " none";
        }
        if (segments.Any(IsPartlyForeignToRouge))
        {
            note += $", and of {Share(segments, IsPartlyForeignToRouge)} that have other letters too, or whose"
                + " references have, it measures what is left without these";
        }
        return note + ". chrF is for every script.";
    }

    private static string Share(IReadOnlyList<Segment> segments, Func<Segment, bool> predicate) =>
        $"{segments.Count(predicate)} of {segments.Count} texts";

    private static int WordCount(string text) => MtevalBleu.Tokens(text).Length;

    private static bool IsForeignToRouge(Segment segment) =>
        IsForeignToRouge(segment.Output) || segment.References.All(IsForeignToRouge);

    // An empty text is right to have no words.
    private static bool IsForeignToRouge(string text) =>
        text.Any(char.IsLetterOrDigit) && RougeTokenizer.Tokens(text, stem: false).Length == 0;

    private static bool IsPartlyForeignToRouge(Segment segment) => !IsForeignToRouge(segment)
        && segment.References.Prepend(segment.Output).Any(LosesLettersInRouge);

    private static bool LosesLettersInRouge(string text) =>
        LowerCase.Of(text).EnumerateRunes().Any(rune => Rune.IsLetterOrDigit(rune) && !rune.IsAscii);

    private static bool CountsWords(TextGenerationMetrics metrics, BleuTokenization tokenization) =>
        (!double.IsNaN(metrics.Bleu) && tokenization != BleuTokenization.Characters)
        || !double.IsNaN(metrics.Nist) || !double.IsNaN(metrics.Cider) || !double.IsNaN(metrics.Ter);

    private static bool IsUnspaced(Segment segment) =>
        HasUnspaced(segment.Output) || segment.References.Any(HasUnspaced);

    private static bool HasUnspaced(string text) =>
        text.Any(character => Array.Exists(Unspaced, script => character >= script.First && character <= script.Last));
}
