using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Rows;

/// <summary>The one rule of what opens a text, on a base with a begin token and on bases without.</summary>
[TestClass]
public sealed class OpeningTests
{
    // The tiny llama's <|im_start|>, which the copy's tokenizer puts in front of every text.
    private const int Begin = 0;

    private static TemporaryFolder s_folder = null!;

    [ClassInitialize]
    public static void MakeFolder(TestContext _) => s_folder = TinyBase.CopyWithBeginToken();

    [ClassCleanup]
    public static void DeleteFolder() => s_folder.Dispose();

    [TestMethod]
    public void Opening_OfABaseWithABeginToken_StandsOnceInFront()
    {
        using BaseLease hold = Hold();
        var opening = new Opening(hold.Base.Tokenizer, hold.Base.Model.Spec);
        CollectionAssert.AreEqual(new[] { Begin }, opening.OfRow(isHeld: false));
        Assert.IsEmpty(opening.OfRow(isHeld: true));
        CollectionAssert.AreEqual(new[] { Begin }, opening.OfPrefix(isInfix: false));
        Assert.IsEmpty(opening.OfPrefix(isInfix: true));
        Assert.IsTrue(opening.IsHeld(isInfix: false, isFromText: true));
        Assert.IsFalse(opening.IsHeld(isInfix: true, isFromText: true));
        Assert.IsFalse(opening.IsHeld(isInfix: false, isFromText: false));
        Assert.IsEmpty(opening.OfTarget);
        (int[] ids, int count) = opening.Row(isHeld: false, [7, 8]);
        CollectionAssert.AreEqual(new[] { Begin, 7, 8 }, ids);
        Assert.AreEqual(1, count);
    }

    [TestMethod]
    public void Row_WithoutAToken_GetsOneToGoOnFrom()
    {
        using BaseLease hold = Hold();
        (int[] ids, int count) = new Opening(hold.Base.Tokenizer, hold.Base.Model.Spec).Row(isHeld: true, []);
        Assert.HasCount(1, ids);
        Assert.AreEqual(1, count, "it is not the row's own");
    }

    [TestMethod]
    public void Opening_OfAnEncoderDecoder_IsNeverHeldByThePrefix()
    {
        using BaseLease hold = TinyBase.Hold("t5");
        var opening = new Opening(hold.Base.Tokenizer, hold.Base.Model.Spec);
        Assert.IsFalse(opening.IsHeld(isInfix: false, isFromText: true));
    }

    [TestMethod]
    [DataRow("Prefix")]
    [DataRow("Text")]
    public void Start_OfATextWithSpecialTokens_ReadsThemAsTheTeacherDoes(string method)
    {
        const string Text = "<|im_start|>Write.<|im_end|>\n";
        using BaseLease hold = TinyBase.Hold();
        var options = new PrefixOptions
        {
            Method = method == "Text" ? PrefixMethod.Text : PrefixMethod.Prefix,
            Start = PrefixStart.FromText(Text),
        };
        int[] start = [.. new PrefixPlan(options, new FitColumns("Input", "Label", "Label", null), hold.Base, seed: 1)
            .Start().Text];
        CollectionAssert.AreEqual(hold.Base.Tokenizer.EncodeTemplate(Text), start);
        Assert.AreEqual(hold.Base.Tokenizer.SpecialTokens["<|im_start|>"], start[0]);
        Assert.AreNotEqual(start[0], hold.Base.Tokenizer.Encode(Text)[0], "in a row it is plain text");
    }

    private static BaseLease Hold() => FrozenBase.Acquire(s_folder.Path, torch.float32, torch.CPU);
}
