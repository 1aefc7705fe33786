using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>Segments to figures: those that the options ask for; the others are NaN.</summary>
internal static class Measurement
{
    private static readonly RougeScore NoScore = new(double.NaN, double.NaN, double.NaN);

    /// <summary>
    /// Reads what measures need beside the texts, so that a folder that has none of it is told before one is written.
    /// </summary>
    /// <param name="options">Which figures, and how.</param>
    /// <exception cref="IOException">The folder of METEOR's word lists has none of the files.</exception>
    /// <exception cref="FormatException">A file of it is not what its name says.</exception>
    public static void Check(TextGenerationEvaluationOptions options)
    {
        if (WithParts(options.Metrics).HasFlag(TextMetrics.Meteor))
            _ = MeteorResources.Of(options.MeteorFolder);
    }

    /// <summary>Measures segments.</summary>
    /// <param name="segments">At least one.</param>
    /// <param name="options">Which figures, and how.</param>
    public static TextGenerationMetrics Of(IReadOnlyList<Segment> segments, TextGenerationEvaluationOptions options)
    {
        TextMetrics wanted = WithParts(options.Metrics);
        ChrFOptions chrF = ChrFOptions.Default with { Lowercase = options.Lowercase };
        ChrFOptions chrFWithWords = ChrFOptions.WithWords with { Lowercase = options.Lowercase };
        RougeScores rouge = Has(TextMetrics.Rouge) ? Rouge.Corpus(segments, options.RougeStemming)
            : new RougeScores(NoScore, NoScore, NoScore, NoScore);
        Lengths lengths = Lengths.Of(segments);
        TextGenerationMetrics metrics = WithBleu(new TextGenerationMetrics
        {
            SegmentCount = segments.Count,
            Nist = If(TextMetrics.Nist, () => Nist.Corpus(segments)),
            Meteor = If(TextMetrics.Meteor,
                () => Meteor.Corpus(segments, MeteorResources.Of(options.MeteorFolder)).Score),
            Rouge1 = rouge.Rouge1,
            Rouge2 = rouge.Rouge2,
            RougeL = rouge.RougeL,
            RougeLsum = rouge.RougeLsum,
            Cider = If(TextMetrics.Cider, () => Cider.Corpus(segments)),
            ChrF = If(TextMetrics.ChrF, () => ChrF.Corpus(segments, chrF)),
            ChrFPlusPlus = If(TextMetrics.ChrF, () => ChrF.Corpus(segments, chrFWithWords)),
            Ter = If(TextMetrics.Ter, () => Ter.Corpus(segments, normalize: false).Score),
            ExactMatch = If(TextMetrics.ExactMatch, () => ExactMatch.Corpus(segments)),
            OutputLength = lengths.Output,
            ReferenceLength = lengths.Reference,
        }, segments, options);
        metrics = WithPresets(metrics, segments, wanted);
        return metrics with { Notes = MetricNotes.Of(metrics, segments, options.BleuTokenization) };

        bool Has(TextMetrics metric) => wanted.HasFlag(metric);

        double If(TextMetrics metric, Func<double> measure) => Has(metric) ? measure() : double.NaN;
    }

    // A preset's figures are those of other measures too.
    private static TextMetrics WithParts(TextMetrics metrics)
    {
        if (metrics.HasFlag(TextMetrics.E2E))
            metrics |= TextMetrics.Nist | TextMetrics.Meteor | TextMetrics.Cider;
        return metrics.HasFlag(TextMetrics.WebNlg) ? metrics | TextMetrics.Meteor : metrics;
    }

    private static TextGenerationMetrics WithBleu(TextGenerationMetrics metrics, IReadOnlyList<Segment> segments,
        TextGenerationEvaluationOptions options)
    {
        if (!options.Metrics.HasFlag(TextMetrics.Bleu))
            return metrics with { Bleu = double.NaN, BleuBrevityPenalty = double.NaN };
        var bleuOptions = new BleuOptions
        {
            Lowercase = options.Lowercase,
            Tokenization = options.BleuTokenization,
            Smoothing = options.BleuSmoothing,
        };
        BleuCounts counts = BleuCounts.Sum(Bleu.Count(segments, bleuOptions), bleuOptions.MaxOrder);
        BleuScore bleu = Bleu.FromCounts(counts, bleuOptions);
        return metrics with
        {
            Bleu = bleu.Score,
            BleuByOrder = [.. Enumerable.Range(1, bleuOptions.MaxOrder)
                .Select(order => Bleu.FromCounts(counts, bleuOptions with { MaxOrder = order }).Score)],
            BleuBrevityPenalty = bleu.BrevityPenalty,
        };
    }

    private static TextGenerationMetrics WithPresets(TextGenerationMetrics metrics, IReadOnlyList<Segment> segments,
        TextMetrics wanted)
    {
        bool e2e = wanted.HasFlag(TextMetrics.E2E), webNlg = wanted.HasFlag(TextMetrics.WebNlg);
        double bleu = e2e || webNlg ? 100 * MtevalBleu.Corpus(segments) : double.NaN;
        const double none = double.NaN;
        return metrics with
        {
            E2E = !e2e ? new E2EMetrics(none, none, none, none, none) : new E2EMetrics(bleu, metrics.Nist,
                100 * metrics.Meteor, 100 * CaptionRougeL.Corpus(segments), metrics.Cider),
            WebNlg = !webNlg ? new WebNlgMetrics(none, none, none) : new WebNlgMetrics(bleu, metrics.Meteor,
                Ter.Corpus(segments, normalize: true).Score / 100),
        };
    }
}
