using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>Measures of texts as figures under plain names.</summary>
internal static class SweepMeasures
{
    /// <summary>What was measured; what was left out is missing.</summary>
    public static IReadOnlyDictionary<string, double> Of(TextGenerationMetrics metrics)
    {
        (string Name, double Value)[] all =
        [
            ("BLEU", metrics.Bleu), ("ROUGE-1", metrics.Rouge1.F), ("ROUGE-2", metrics.Rouge2.F),
            ("ROUGE-L", metrics.RougeL.F), ("chrF", metrics.ChrF), ("METEOR", metrics.Meteor),
            ("NIST", metrics.Nist), ("CIDEr", metrics.Cider), ("TER", metrics.Ter),
            ("exact match", metrics.ExactMatch), ("length", metrics.OutputLength),
            ("E2E BLEU", metrics.E2E.Bleu), ("E2E NIST", metrics.E2E.Nist), ("E2E METEOR", metrics.E2E.Meteor),
            ("E2E ROUGE-L", metrics.E2E.RougeL), ("E2E CIDEr", metrics.E2E.Cider),
            ("WebNLG BLEU", metrics.WebNlg.Bleu), ("WebNLG METEOR", metrics.WebNlg.Meteor),
            ("WebNLG TER", metrics.WebNlg.Ter),
        ];
        return all.Where(one => !double.IsNaN(one.Value)).ToDictionary(one => one.Name, one => one.Value);
    }
}
