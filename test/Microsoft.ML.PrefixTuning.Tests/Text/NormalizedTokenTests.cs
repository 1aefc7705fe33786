using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Added tokens of a <c>tokenizer.json</c> that are found in the normalized text, and its table of characters. All ids
/// and texts are those of tokenizers 0.23.2.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class NormalizedTokenTests
{
    private const int Rows = 1100;

    private const string Gemma = """{ "type": "Replace", "pattern": { "String": " " }, "content": "▁" }""";
    private const string Always = """{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" }""";
    private const string First = """{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first" }""";
    private const string Words = $$"""
        { "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, {{Always}}] }
        """;

    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow("the<tool>pub", "274 63 846 368 65 935 649")]
    [DataRow("the <tool> pub", "274 1000 702")]
    [DataRow("<tool>pub", "1000 935 649")]
    [DataRow("the  <tool>", "274 921 1000")]
    [DataRow("a b", "1001")]
    [DataRow("xa b", "921 950 924 298")]
    [DataRow("x a b", "921 950 1001")]
    [DataRow("<raw>a b", "1002 1001")]
    [DataRow("the<raw> <tool>the", "274 1002 921 1000 786")]
    [DataRow("▁<tool>", "921 1000")]
    public void Encode_LlamaForm_FoundBehindASpace(string text, string ids) =>
        Check(Write("llama-sentencepiece", _ => { }), text, ids);

    [TestMethod]
    [DataRow("the<tool>pub", "786 1000 935 649")]
    [DataRow("the <tool> pub", "786 921 1000 702")]
    [DataRow("xa b", "950 1001")]
    [DataRow("the<raw> <tool>the", "786 1002 921 1000 786")]
    public void Encode_GemmaForm_FoundWithMarksForSpaces(string text, string ids) => Check(
        Write("llama-sentencepiece", root => root["normalizer"] = JsonNode.Parse(Gemma)), text, ids);

    [TestMethod]
    [DataRow("x▁y", "x y")]
    [DataRow("x y", "x▁y")]
    public void Encode_TokensThatAreOneWhenNormalized_TheFirst(string first, string second) => Check(
        Write("llama-sentencepiece", root =>
        {
            root["normalizer"] = JsonNode.Parse(Gemma);
            root["added_tokens"]!.AsArray().Add(Token(1003, first, normalized: true));
            root["added_tokens"]!.AsArray().Add(Token(1004, second, normalized: true));
        }), "the x y", "786 921 1003");

    // The pre-tokenizer's marks come behind the tokens.
    [TestMethod]
    [DataRow(Always, "the <hl> the", "5 3 1000 5")]
    [DataRow(Always, "the<hl>the", "5 1000 5")]
    [DataRow(Always, "the  <hl>  the  ", "5 3 1000 5")]
    [DataRow(Always, "the <ｈｌ>the", "5 3 1000 5")]
    [DataRow(Always, "the  x  y the", "5 3 1001 5")]
    [DataRow(Always, "the x y", "5 3 150 3 31")]
    [DataRow(Always, " <hl>", "3 1000")]
    [DataRow(First, "the<hl>the", "5 1000 165")]
    [DataRow(First, "the <hl> the", "5 3 1000 5")]
    [DataRow(Words, "the  <hl>  the  ", "5 3 1000 5")]
    [DataRow(Words, "the <hl> ", "5 1000")]
    public void Encode_T5Form_SpacesAreJoinedBeforeTheTokenIsFound(string preTokenizer, string text, string ids)
    {
        WriteT5(preTokenizer);

        Check(Load(), text, ids);
    }

    [TestMethod]
    public void EncodeToTokens_TokenWithASpaceOfItsOwn_HasIt()
    {
        const string Text = "the <tool> pub";
        PretrainedTokenizer tokenizer = Write("llama-sentencepiece", _ => { });

        Assert.AreEqual("the| <tool>| pub", string.Join('|', tokenizer.EncodeToTokens(Text, out _)
            .Select(token => Text[token.Offset])));
        Assert.AreEqual("274 1000 2 1001", string.Join(' ', tokenizer.EncodeTemplate("the <tool></s>a b")));
        CollectionAssert.AreEquivalent((string[])["<tool>", "a b", "<raw>"], tokenizer.PlainAddedTokens.Keys.ToArray());
    }

    [TestMethod]
    public void Encode_ByTheThirdRules_FoundInTheTextAsWritten()
    {
        PretrainedTokenizer former = Write("llama-sentencepiece", _ => { }, version: 3);

        Assert.AreEqual("274 1000 702", string.Join(' ', former.Encode("the<tool>pub")));
        Assert.AreEqual("tokenizer.json: added token '<tool>': 'normalized' is true: it is found in the text as "
            + "written all the same, today in the normalized text", former.FormerRules.Single());
    }

    [TestMethod]
    [DataRow("the <tool> pub", "274 921 1000 702")]
    [DataRow("<tool>pub", "1000 935 649")]
    public void Encode_WithoutNormalizers_OneByAllRules(string text, string ids)
    {
        foreach (int version in (int[])[3, TextRules.LatestVersion])
        {
            Check(Write("llama-sentencepiece", root =>
            {
                root["normalizer"] = null;
                root["pre_tokenizer"] = JsonNode.Parse(
                    """{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false }""");
            }, version), text, ids);
        }
    }

    // GPT-NeoX's form: NFC leaves white space.
    [TestMethod]
    [DataRow("a    b", "67 900 68")]
    [DataRow("e\u0301    \u0301b", "856 900 139 226 68")]
    [DataRow("a   b", "67 901 298")]
    [DataRow("\n      x", "201 900 901 90")]
    public void Encode_RunsOfSpacesBesideComposition_OneByAllRules(string text, string ids)
    {
        foreach (int version in (int[])[3, TextRules.LatestVersion])
            Check(WriteComposed(version, "    ", "  "), text, ids);
    }

    [TestMethod]
    [DataRow("<t>")]
    [DataRow("\u00A0")]
    public void Read_TokenThatCompositionMayTouchByTheThirdRules_Noted(string token) => Assert.StartsWith(
        $"tokenizer.json: added token '{token}': 'normalized' is true",
        WriteComposed(3, "  ", token).FormerRules.Single());

    // Special tokens are markup, whatever stands before them.
    [TestMethod]
    public void EncodeTemplate_SpecialTokenThatIsNormalized_Found()
    {
        PretrainedTokenizer tokenizer = Write("llama-sentencepiece",
            root => root["added_tokens"]!.AsArray().Add(Token(1003, "<mark>", normalized: true, special: true)));

        Assert.AreEqual("274 1003 274", string.Join(' ', tokenizer.EncodeTemplate("the<mark>the")));
    }

    [TestMethod]
    [DataRow("Ａ\u0301b", "Ab")]
    [DataRow("ｶﾞ", "カ\u3099")]
    [DataRow("a\r\nb", "a b")]
    [DataRow("e\u0301", "\u00E9")]
    [DataRow("e\u0301\u0323", "\u00E9")]
    [DataRow("\u1100\u1161", "\u1100\u1161")]
    [DataRow("½\u0301", "1\u20442")]
    [DataRow("①\u20DD", "1\u20DD")]
    [DataRow("q\u0301\u0301", "q\u0301\u0301")]
    [DataRow("㍿x", "株式会社x")]
    public void Apply_TableByGraphemes_ShortOnesWholeElseEachCharacter(string text, string expected)
    {
        SentencePieceFile file = SentencePieceFile.Read(
            Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));
        var map = new CharacterMapNormalizer(file.CharacterMap, "table") { ByGraphemes = true };

        Assert.AreEqual(expected, map.Apply(text, TextPlace.Opening, alignment: null));
        Assert.AreEqual(expected, map.Apply(text, TextPlace.Opening, new TextAlignment(0, text.Length)));
    }

    [TestMethod]
    [DataRow("Ａ\u0301b", "81 44")]
    [DataRow("the\u2028", "5")]
    [DataRow("a\u0085", "9")]
    [DataRow("the e\u0301\u0302", "5 3 999")]
    public void Encode_T5_AsItsTableAndStripHaveIt(string text, string ids)
    {
        WriteT5(Always);

        Check(Load(), text, ids);
    }

    private static void Check(PretrainedTokenizer tokenizer, string text, string ids)
    {
        Assert.AreEqual(ids, string.Join(' ', tokenizer.Encode(text)));
        Assert.AreEqual(ids, string.Join(' ', tokenizer.EncodeToTokens(text, out _).Select(token => token.Id)));
        Assert.IsEmpty(tokenizer.FormerRules);
    }

    private PretrainedTokenizer Write(
        string folder, Action<JsonNode> change, int version = TextRules.LatestVersion)
    {
        string file = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "tokenizer.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(file))!;
        JsonArray added = root["added_tokens"]!.AsArray();
        added.Add(Token(1000, "<tool>", normalized: true));
        added.Add(Token(1001, "a b", normalized: true));
        added.Add(Token(1002, "<raw>", normalized: false));
        change(root);
        File.WriteAllText(_folder["tokenizer.json"], root.ToJsonString());
        return Load(version);
    }

    // With NFC, and tokens from 900 on.
    private PretrainedTokenizer WriteComposed(int version, params string[] tokens) => Write("qwen2", root =>
    {
        JsonArray added = root["added_tokens"]!.AsArray();
        while (added.Any(token => (int)token!["id"]! >= 1000))
            added.RemoveAt(added.Count - 1);
        for (int i = 0; i < tokens.Length; i++)
            added.Add(Token(900 + i, tokens[i], normalized: true));
    }, version);

    private void WriteT5(string preTokenizer)
    {
        JsonObject root = UnigramJson.Make(preTokenizer, normalizesSpaces: true);
        root["added_tokens"]!.AsArray().Add(Token(1000, "<hl>", normalized: true));
        root["added_tokens"]!.AsArray().Add(Token(1001, "x  y", normalized: true));
        File.WriteAllText(_folder["tokenizer.json"], root.ToJsonString());
    }

    private PretrainedTokenizer Load(int version = TextRules.LatestVersion) =>
        PretrainedTokenizer.FromFolder(_folder.Path, Rows, new TextRules { Version = version });

    private static JsonObject Token(int id, string content, bool normalized, bool special = false) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["normalized"] = normalized,
        ["special"] = special,
    };
}
