using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>Which value a text is of, by a classifier.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyJudgeTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void Count_OfTexts_TellsTheSharesAsAsked()
    {
        string[] asked = ["negative", "negative", "positive", "positive"];
        string[] texts = ["a dull plot", "a fine plot", "a fine cast", " "];
        IReadOnlyDictionary<string, double> measures = Make(draws: 2).Count(asked, texts);
        Assert.AreEqual(0.5, measures["as asked"]);
        Assert.AreEqual(0.5, measures["as asked, negative"]);
        // Nothing is of no value, whatever the judge says of it.
        Assert.AreEqual(0.5, measures["as asked, positive"]);
        Assert.AreEqual(1.0, measures["different texts"]);
        Assert.AreEqual(0.75, measures["judge is right"]);
    }

    [TestMethod]
    public void Measure_OfAModel_WritesSeveralTextsForEachValue()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context);
        IReadOnlyDictionary<string, double> measures = Make(draws: 3).Measure(model);
        Assert.IsGreaterThan(2 / 6.0, measures["different texts"], "one text a value would be a third");
        string[] names = ["as asked", "as asked, negative", "as asked, positive", "different texts", "judge is right"];
        CollectionAssert.AreEquivalent(names, measures.Keys.ToArray());
    }

    private static StudyJudge Make(int draws) => StudyJudge.Train(Context,
        [
            .. from place in Enumerable.Range(0, 40)
               select place % 2 == 0 ? Of($"a fine {Thing(place)}", "positive")
                   : Of($"a dull {Thing(place)}", "negative"),
        ],
        [
            Of("a dull film", "negative"), Of("a fine film", "positive"), Of("a fine cast", "positive"),
            Of("a fine plot", "negative"),
        ], draws);

    private static JudgedText Of(string text, string value) => new() { Text = text, Value = value };

    private static string Thing(int place) => (place / 2 % 4) switch
    {
        0 => "plot",
        1 => "cast",
        2 => "film",
        _ => "scene",
    };
}
