using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Tokens listed beside the vocabulary: which a row may hold, and those that the model has no row for.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class AddedTokenTests
{
    // The tiny llama: tokens 0 to 399, rows up to 402.
    private const int Rows = 403;

    private readonly TemporaryFolder _folder = new();

    [TestInitialize]
    public void Copy() => _folder.CopyFrom(TinyBase.Folder("llama"));

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Encode_AddedToken_ATokenInRowsOnlyWhereItIsNotSpecial(bool special)
    {
        AddToJson((400, "<think>", special));
        PretrainedTokenizer tokenizer = Load();

        int[] plain = PretrainedTokenizer.FromFolder(TinyBase.Folder("llama"), Rows).Encode("a <think> pub");
        int[] ids = tokenizer.Encode("a <think> pub");
        if (special)
            CollectionAssert.AreEqual(plain, ids);
        else
            Assert.AreEqual(1, ids.Count(id => id == 400));
        Assert.Contains(400, tokenizer.EncodeTemplate("a <think> pub"));
        Assert.AreEqual(special ? 0 : 1, tokenizer.PlainAddedTokens.Count);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Encode_AddedTokenWithoutARow_IsPlainText(bool special)
    {
        AddToJson((403, "<pad>", special), (404, "<tool>", special));
        CheckLeftOut();
    }

    [TestMethod]
    public void Encode_TokenWithoutARowInTheSettings_IsPlainText()
    {
        Write("tokenizer_config.json", """
            { "pad_token": "<pad>", "added_tokens_decoder": { "403": { "content": "<pad>", "special": true } } }
            """);
        Write("added_tokens.json", """{ "<tool>": 404 }""");
        CheckLeftOut();
    }

    [TestMethod]
    public void FromFolder_TokenWithoutARowAlsoInTheVocabulary_LeftOut()
    {
        AddToJson((403, "<pad>", true), (404, "<tool>", false));
        JsonNode root = JsonNode.Parse(File.ReadAllText(_folder["tokenizer.json"]))!;
        root["model"]!["vocab"]!["<pad>"] = 403;
        Write("tokenizer.json", root.ToJsonString());
        CheckLeftOut();
    }

    // Aho-Corasick's leftmost, longest: tokenizers' way.
    [TestMethod]
    [DataRow("abc", "ab bc", "ab/ c")]
    [DataRow("xabcd", "a abc bcd", "x abc/ d")]
    [DataRow("<a>b<a>c", "<a> <a>b", "<a>b/ <a>/ c")]
    [DataRow("abab", "aba ab bab", "aba/ b")]
    [DataRow("abcx", "abcd bc", "a bc/ x")]
    [DataRow("aaa", "a aa", "aa/ a/")]
    public void Cut_OfTokensThatOverlap_TakesTheLeftmostThenTheLongest(string text, string tokens, string expected)
    {
        var added = new AddedTokens([.. tokens.Split(' ').Select((token, id) => new AddedToken(token, id, false))]);
        Assert.AreEqual(expected, Shown(added.Cut(text, special: false)));
    }

    // What a row begins with changes nothing of its template.
    [TestMethod]
    [DataRow("<a>b", 3, "<a>/ b")]
    [DataRow("<a>b", 4, "<a>b/")]
    [DataRow("<a>b", 2, "<a>b")]
    [DataRow("<a>cd", 3, "<a>c/ d")]
    public void Cut_OfASpecialTokenThatMarkupAndARowWouldMake_TakesThatOfTheMarkup(string text, int own,
        string expected)
    {
        var added = new AddedTokens([new("<a>", 0, true), new("<a>b", 1, true), new("<a>c", 2, false)]);
        Assert.AreEqual(expected, Shown(added.Cut(text, [.. text.Select((_, place) => place < own)])));
    }

    [TestMethod]
    public void FromFolder_TokenFarBehindTheRows_Refused()
    {
        AddToJson((403, "<pad>", true), (500, "<tool>", false));

        var fault = Assert.ThrowsExactly<FormatException>(Load);

        Assert.AreEqual("tokenizer.json: added token '<tool>': expected an id from 0 to 402 (the vocabulary of the "
            + "model), or the next one behind it, 404, found 500.", fault.Message);
    }

    [TestMethod]
    public void FromFolder_TextsBeginWithATokenWithoutARow_Refused()
    {
        AddToJson((403, "<pad>", true));
        Write("tokenizer_config.json", """{ "bos_token": "<pad>", "add_bos_token": true }""");

        var fault = Assert.ThrowsExactly<FormatException>(Load);

        Assert.AreEqual("tokenizer_config.json: token '<pad>': expected a row of the embedding for a token that texts "
            + "begin or end with, found none.", fault.Message);
    }

    private static string Shown(IEnumerable<TextSegment> segments) =>
        string.Join(' ', segments.Select(segment => segment.Id is null ? segment.Text : segment.Text + "/"));

    private void CheckLeftOut()
    {
        PretrainedTokenizer tokenizer = Load();
        PretrainedTokenizer without = PretrainedTokenizer.FromFolder(TinyBase.Folder("llama"), Rows);

        CollectionAssert.AreEqual((string[])["<pad>", "<tool>"], tokenizer.LeftOut.ToArray());
        const string Text = "a <pad> and a <tool>.";
        CollectionAssert.AreEqual(without.Encode(Text), tokenizer.Encode(Text));
        CollectionAssert.AreEqual(without.Encode(Text), tokenizer.EncodeTemplate(Text));
        Assert.AreEqual(Text, tokenizer.Decode(tokenizer.Encode(Text)));
        Assert.AreEqual(without.TokenCount, tokenizer.TokenCount);
        Assert.DoesNotContain("<pad>", tokenizer.SpecialTokens.Keys);
    }

    private PretrainedTokenizer Load() => PretrainedTokenizer.FromFolder(_folder.Path, Rows);

    private void Write(string file, string text) => File.WriteAllText(_folder[file], text);

    private void AddToJson(params (int Id, string Content, bool Special)[] tokens)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllText(_folder["tokenizer.json"]))!;
        foreach ((int id, string content, bool special) in tokens)
        {
            root["added_tokens"]!.AsArray().Add(new JsonObject
            {
                ["id"] = id,
                ["content"] = content,
                ["special"] = special,
                ["normalized"] = false,
            });
        }
        Write("tokenizer.json", root.ToJsonString());
    }
}
