using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Rows;

/// <summary>Where rows are cut, which of them are empty, and which spellings of a word are banned.</summary>
[TestClass]
public sealed class RowEncoderTests
{
    [TestMethod]
    [DataRow(PromptTruncation.End)]
    [DataRow(PromptTruncation.Start)]
    public void Prompt_OfATextThatDoesNotFit_IsCutBetweenCharacters(PromptTruncation truncation)
    {
        using BaseLease hold = TinyBase.Hold();
        PretrainedTokenizer tokenizer = hold.Base.Tokenizer;
        TransformerSpec spec = hold.Base.Model.Spec;
        // Characters of 4, 3 and 2 bytes, so that cuts fall within them.
        string text = string.Concat(Enumerable.Repeat("\U0001F600\u20AC\u00E9", 400));
        for (int room = 20; room < 32; room++)
        {
            var encoder = new RowEncoder(tokenizer, spec, "{input}", "Input",
                new PrefixRoom(spec.ContextLength - room, false));
            EncodedPrompt prompt = encoder.Prompt(new InputRow(0, text, null), output: 0, truncation);
            string kept = tokenizer.Decode(prompt.Ids);
            Assert.IsTrue(prompt.IsTruncated);
            Assert.IsLessThanOrEqualTo(room, prompt.Ids.Length);
            Assert.DoesNotContain("\uFFFD", kept);
            Assert.IsTrue(truncation == PromptTruncation.End ? text.StartsWith(kept, System.StringComparison.Ordinal)
                : text.EndsWith(kept, System.StringComparison.Ordinal), kept);
        }
    }

    [TestMethod]
    [DataRow("", true)]
    [DataRow("a", false)]
    public void Target_WithoutATokenOfItsOwn_IsEmpty(string text, bool isEmpty)
    {
        using BaseLease hold = TinyBase.Hold();
        var encoder = new RowEncoder(hold.Base.Tokenizer, hold.Base.Model.Spec, null, "Input", default);
        int[] ids = encoder.Target(text, out _, out bool found);
        Assert.AreEqual(isEmpty, found);
        Assert.AreEqual(hold.Base.Model.Spec.Tokens.Ends[0], ids[^1]);
    }

    [TestMethod]
    public void Make_OfABannedWord_BansTheFormWithoutASpaceToo()
    {
        using BaseLease hold = TinyBase.Hold("t5");
        PretrainedTokenizer tokenizer = hold.Base.Tokenizer;
        int[] behind = tokenizer.Encode("pub", TextPlace.BehindAdded, out _);
        GenerationRules rules = GenerationRules.Of(new GenerationOptions { BannedWords = ["pub"] },
            hold.Base.Model.Spec, tokenizer, hold.Base.EndIds);
        Assert.IsTrue(rules.BannedSequences.Any(banned => banned.SequenceEqual(behind)));
        Assert.IsTrue(rules.BannedSequences.Any(banned => banned.SequenceEqual(tokenizer.Encode("pub"))));
    }
}
