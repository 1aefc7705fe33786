using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Measures of generated texts against references.</summary>
/// <remarks>
/// Each is on the scale of the tool it follows; English tokenisation rules apply unless it says otherwise. A measure
/// that <see cref="TextGenerationEvaluationOptions.Metrics"/> leaves out is <see cref="double.NaN"/>.
/// </remarks>
public sealed record TextGenerationMetrics
{
    /// <summary>Texts that were measured: rows, or the distinct outputs of groups of rows.</summary>
    public int SegmentCount { get; internal init; }

    /// <summary>
    /// BLEU (Papineni et al., 2002), from 0 to 100, higher is better: precision of 1- to 4-grams over all rows, less a
    /// penalty for short
    /// texts. As sacreBLEU 2.6.0 gives it: tokenisation 13a, case counts, exponential smoothing.
    /// </summary>
    public double Bleu { get; internal init; }

    /// <summary>
    /// BLEU of 1-grams alone, of 1- and 2-grams, and so on; the last is <see cref="Bleu"/>. Empty where that was left
    /// out.
    /// </summary>
    public IReadOnlyList<double> BleuByOrder { get; internal init; } = [];

    /// <summary>The factor for short texts in <see cref="Bleu"/>, from 0 to 1.</summary>
    public double BleuBrevityPenalty { get; internal init; }

    /// <summary>
    /// NIST (Doddington, 2002), 0 and more, higher is better: matched 1- to 5-grams, rare ones counting more. As the
    /// scripts of
    /// the E2E challenge give it (pymteval): lower case, mteval-v13a's tokenisation.
    /// </summary>
    public double Nist { get; internal init; }

    /// <summary>
    /// METEOR 1.5 for English (Denkowski and Lavie, 2014), from 0 to 1, higher is better: words matched by form, stem
    /// and, where
    /// <see cref="TextGenerationEvaluationOptions.MeteorFolder"/> gives a dictionary, by sense. As METEOR's program
    /// gives it with
    /// <c>-l en -norm</c> and these modules; its table of paraphrases is not used, so papers' figures are higher.
    /// </summary>
    public double Meteor { get; internal init; }

    /// <summary>
    /// ROUGE-1 (Lin, 2004): shared words. As google-research's rouge_score gives it; of several references the one with
    /// the best F counts. Words are made of the letters a to z and digits: of others, nothing counts.
    /// </summary>
    public RougeScore Rouge1 { get; internal init; } = RougeScore.Zero;

    /// <summary>ROUGE-2: shared pairs of words; otherwise as <see cref="Rouge1"/>.</summary>
    public RougeScore Rouge2 { get; internal init; } = RougeScore.Zero;

    /// <summary>ROUGE-L: the longest common subsequence of words; otherwise as <see cref="Rouge1"/>.</summary>
    public RougeScore RougeL { get; internal init; } = RougeScore.Zero;

    /// <summary>ROUGE-Lsum: ROUGE-L over sentences, one a line; otherwise as <see cref="Rouge1"/>.</summary>
    public RougeScore RougeLsum { get; internal init; } = RougeScore.Zero;

    /// <summary>
    /// CIDEr (Vedantam et al., 2015) in its form CIDEr-D, from 0 to 10, higher is better: n-grams that references agree
    /// on, rare ones counting more (a single text has 0). As pycocoevalcap gives it on text in lower case in
    /// mteval-v13a's tokenisation.
    /// </summary>
    public double Cider { get; internal init; }

    /// <summary>
    /// chrF (Popović, 2015), from 0 to 100, higher is better: F score over character n-grams. As sacreBLEU 2.6.0 gives
    /// it (chrF2); for any language.
    /// </summary>
    public double ChrF { get; internal init; }

    /// <summary>
    /// chrF++ (Popović, 2017), from 0 to 100, higher is better: <see cref="ChrF"/> with 1- and 2-grams of words. As
    /// sacreBLEU 2.6.0 gives it.
    /// </summary>
    public double ChrFPlusPlus { get; internal init; }

    /// <summary>
    /// Translation edit rate (Snover et al., 2006), 0 and more, lower is better: edits and shifts for every 100
    /// reference words.
    /// As sacreBLEU 2.6.0 gives it: lower case, words between white space.
    /// </summary>
    public double Ter { get; internal init; }

    /// <summary>
    /// The share of texts that equal a reference, case included, white space at both ends aside; from 0 to 1.
    /// </summary>
    public double ExactMatch { get; internal init; }

    /// <summary>Mean length of the texts, in words between white space.</summary>
    public double OutputLength { get; internal init; }

    /// <summary>
    /// Mean length of the references, in words between white space; a text's references count together as one.
    /// </summary>
    public double ReferenceLength { get; internal init; }

    /// <summary>The five figures of papers on the E2E data set.</summary>
    public E2EMetrics E2E { get; internal init; } = new(0, 0, 0, 0, 0);

    /// <summary>The three figures of papers on the WebNLG data set.</summary>
    public WebNlgMetrics WebNlg { get; internal init; } = new(0, 0, 0);

    /// <summary>
    /// Explains figures that do not mean what they usually mean, such as <see cref="E2EMetrics.Bleu"/> above 100 or
    /// ROUGE of texts with letters that it does not know; one or two sentences each, empty where all is as usual.
    /// </summary>
    public IReadOnlyList<string> Notes { get; internal init; } = [];
}

/// <summary>A ROUGE score, averaged over the rows; each part from 0 to 1, higher is better.</summary>
/// <param name="Precision">The share of the text that the reference has too.</param>
/// <param name="Recall">The share of the reference that the text has too.</param>
/// <param name="F">Their harmonic mean, taken row by row.</param>
public sealed record RougeScore(double Precision, double Recall, double F)
{
    /// <summary>Nothing in common.</summary>
    internal static RougeScore Zero { get; } = new(0, 0, 0);

    /// <summary>The score of one text: common, found and wanted units.</summary>
    internal static RougeScore From(int common, int found, int wanted)
    {
        if (common == 0)
            return Zero;
        double precision = common / (double)found, recall = common / (double)wanted;
        return new RougeScore(precision, recall, 2 * precision * recall / (precision + recall));
    }
}

/// <summary>The figures of papers on the E2E data set, on the scales these print.</summary>
/// <param name="Bleu">BLEU as the challenge's scripts give it (pymteval: lower case, no smoothing), times 100. Their
/// rule for texts of fewer than four words can take it above 100.</param>
/// <param name="Nist"><see cref="TextGenerationMetrics.Nist"/>.</param>
/// <param name="Meteor"><see cref="TextGenerationMetrics.Meteor"/>, times 100; the scripts also use a table of
/// paraphrases, which gives more.</param>
/// <param name="RougeL">ROUGE-L as pycocoevalcap gives it, in the tokenisation of
/// <see cref="TextGenerationMetrics.Cider"/>, times 100.</param>
/// <param name="Cider"><see cref="TextGenerationMetrics.Cider"/>.</param>
public sealed record E2EMetrics(double Bleu, double Nist, double Meteor, double RougeL, double Cider);

/// <summary>The figures of papers on the WebNLG data set, on the scales these print.</summary>
/// <param name="Bleu">BLEU in lower case and without smoothing, times 100; the same as
/// <see cref="E2EMetrics.Bleu"/>.</param>
/// <param name="Meteor"><see cref="TextGenerationMetrics.Meteor"/>; the scripts also use a table of paraphrases, which
/// gives more.</param>
/// <param name="Ter">Translation edit rate as a fraction, with punctuation set apart from words.</param>
public sealed record WebNlgMetrics(double Bleu, double Meteor, double Ter);
