using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Fitting;

/// <summary>What options of a prefix come to on a base.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixPlanTests
{
    /// <summary>The second row has the first one's input; the third one has no token in front of its own.</summary>
    private static readonly TrainingExample[] s_rows =
    [
        new([1, 5, 6], [7, 2]) { Opening = 1, Origin = 0 }, new([1, 5, 6], [8, 2]) { Opening = 1, Origin = 0 },
        new([9], [10, 11, 2]) { Origin = 1 }, new([1, 12], [13, 2]) { Opening = 1, Origin = 2 },
    ];

    [TestMethod]
    [DataRow(1, "text 5 6 7 2")]
    [DataRow(2, "text 5 6 7 2 9 10 11 2")]
    [DataRow(9, "text 5 6 7 2 9 10 11 2 12 13 2")]
    public void TakeRows_OfAStartFromRows_TakesInputAndWantedTextOfTheFirstInputs(int count, string expected)
    {
        using BaseLease hold = TinyBase.Hold();
        PrefixPlan plan = Make(PrefixStart.FromRows(count), hold);

        plan.TakeRows(s_rows);

        Assert.AreEqual(expected, plan.StartIdentity);
    }

    [TestMethod]
    public void TakeRows_OfAnotherStart_ChangesNothing()
    {
        using BaseLease hold = TinyBase.Hold();
        PrefixPlan plan = Make(PrefixStart.FromText("a venue"), hold);
        string before = plan.StartIdentity;

        plan.TakeRows(s_rows);

        Assert.AreEqual(before, plan.StartIdentity);
    }

    private static PrefixPlan Make(PrefixStart start, BaseLease hold) =>
        new(new PrefixOptions { Length = 4, Start = start }, new FitColumns("Output", "Input", "Label"), hold.Base, 1);
}
