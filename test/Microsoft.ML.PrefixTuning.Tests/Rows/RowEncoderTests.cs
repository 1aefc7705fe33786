using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Parity;
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
    [DataRow("t5-unigram", "", true)]
    [DataRow("t5-unigram", " ", true)]
    [DataRow("t5-unigram", " \t\n ", true)]
    [DataRow("t5-unigram", "\u00a0", true)]
    [DataRow("t5-unigram", " a", false)]
    [DataRow("llama-sentencepiece", "", true)]
    [DataRow("llama-sentencepiece", " ", false)]
    [DataRow("llama-sentencepiece", "a", false)]
    [DataRow("gpt2", "", true)]
    [DataRow("gpt2", " ", false)]
    [DataRow("gpt2", "\n", false)]
    public void Target_OfBlanks_IsEmptyWhereNothingIsWrittenOfThem(string name, string text, bool isEmpty)
    {
        using BaseLease hold = TinyBase.Hold();
        PretrainedTokenizer tokenizer =
            PretrainedTokenizer.FromFolder(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), name));
        var encoder = new RowEncoder(tokenizer, hold.Base.Model.Spec, null, "Input", default);
        encoder.Target(text, out _, out bool found);
        Assert.AreEqual(isEmpty, found, string.Join(' ', tokenizer.Encode(text)));
    }

    /// <summary>What opens the targets of an encoder-decoder base is not a blank one's own.</summary>
    [TestMethod]
    [DataRow("bart", "", true)]
    [DataRow("bart", " ", false)]
    [DataRow("mbart", "", true)]
    [DataRow("pegasus", "", true)]
    [DataRow("t5", "", true)]
    public void Target_OfAnEncoderDecoderBase_IsEmptyBesideWhatOpensIt(string family, string text, bool isEmpty)
    {
        using FamilyCase golden = FamilyCase.Open(family);
        using FrozenBase frozen = golden.LoadBase();
        var encoder = new RowEncoder(frozen.Tokenizer, frozen.Model.Spec, null, "Input", default);
        IReadOnlyList<int> opening = new Opening(frozen.Tokenizer, frozen.Model.Spec).OfTarget;
        int[] ids = encoder.Target(text, out _, out bool found);
        Assert.AreEqual(isEmpty, found, string.Join(' ', ids));
        Assert.AreEqual(isEmpty, ids.Length == opening.Count + 1);
        CollectionAssert.AreEqual(opening.ToArray(), ids[..opening.Count]);
    }

    /// <summary>BART's targets open with a token, and blanks under a tokenizer that drops them are empty beside it.
    /// </summary>
    [TestMethod]
    [DataRow(" ")]
    [DataRow(" \t\n")]
    public void Target_OfBlanksBehindWhatOpensTargets_IsEmpty(string text)
    {
        using FamilyCase golden = FamilyCase.Open("bart");
        using FrozenBase frozen = golden.LoadBase();
        PretrainedTokenizer unigram =
            PretrainedTokenizer.FromFolder(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram"));
        TransformerSpec spec = frozen.Model.Spec with { Output = frozen.Model.Spec.Output with { FirstId = 0 } };
        int[] ids = new RowEncoder(unigram, spec, null, "Input", default).Target(text, out _, out bool found);
        Assert.IsTrue(found);
        Assert.AreEqual((0, spec.Tokens.Ends[0]), (ids[0], ids[^1]));
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
