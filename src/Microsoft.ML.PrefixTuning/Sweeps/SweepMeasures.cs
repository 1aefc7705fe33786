using System.Collections.Generic;
using System.Globalization;
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

    /// <summary>
    /// Whether two notes explain the same measures, which stand in front of a colon; how many texts they are for may
    /// differ.
    /// </summary>
    public static bool AreAlike(string note, string other) => KindOf(note) == KindOf(other);

    /// <summary>The notes of runs, one of each kind; where those of a kind differ, it says whose it is.</summary>
    public static IEnumerable<string> NotesOf(IEnumerable<SweepRun> runs)
    {
        IEnumerable<(int Run, string Text)> notes =
            runs.SelectMany(run => run.Notes.Select(note => (run.Number, note)));
        foreach (IGrouping<string, (int Run, string Text)> kind in notes.GroupBy(note => KindOf(note.Text)))
        {
            (int run, string text) = kind.First();
            int others = kind.Select(note => note.Run).Distinct().Count() - 1;
            yield return kind.All(note => note.Text == text) ? text : string.Create(CultureInfo.InvariantCulture,
                $"{text} (So in run {run}; alike in {others} {(others == 1 ? "other" : "others")}.)");
        }
    }

    private static string KindOf(string note) => note.Split(':')[0];
}
