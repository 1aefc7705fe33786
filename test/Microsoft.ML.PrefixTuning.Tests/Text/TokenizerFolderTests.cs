using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Forms of the files that checkpoints have and the golden folders lack, made from those folders.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TokenizerFolderTests
{
    private const int Rows = 1100;

    // Of more bytes than tokenizers 0.23.2 looks up at once: its letter and its first accent stay two characters.
    private const string LongGrapheme = "e\u0301\u0302\u0303\u0304";

    private static TextRules Second => new() { Version = 2 };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tokenizer-");

    [TestCleanup]
    public void Delete() => _folder.Delete(recursive: true);

    [TestMethod]
    public void FromFolder_Qwen2ClassWithoutJson_SplitsAndComposesAsQwen2()
    {
        Copy("qwen2", "vocab.json", "merges.txt");
        Write("tokenizer_config.json", """{ "tokenizer_class": "Qwen2TokenizerFast" }""");

        PretrainedTokenizer tokenizer = Load();

        foreach ((string text, int[] ids) in Golden("qwen2"))
            CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
    }

    [TestMethod]
    public void FromFolder_ClassThatIsNotKnownWithoutJson_Refused()
    {
        Copy("llama3", "vocab.json", "merges.txt");
        Write("tokenizer_config.json", """{ "tokenizer_class": "PreTrainedTokenizerFast" }""");

        var fault = Assert.ThrowsExactly<NotSupportedException>(Load);

        Assert.AreEqual(
            "tokenizer_config.json: 'tokenizer_class': found 'PreTrainedTokenizer'; without tokenizer.json supported"
                + " are GPT2Tokenizer, BartTokenizer, RobertaTokenizer, Qwen2Tokenizer.", fault.Message);
    }

    [TestMethod]
    [DataRow("""{ "model_type": "bart" }""", "BartTokenizer")]
    [DataRow("""{ "model_type": "qwen2" }""", "Qwen2Tokenizer")]
    [DataRow("""{ "model_type": "qwen3", "tokenizer_class": null }""", "Qwen2Tokenizer")]
    [DataRow("""{ "model_type": "gpt2", "tokenizer_class": "BartTokenizerFast" }""", "BartTokenizer")]
    public void FromFolder_ClassOfTheModelThatIsNotNamedWithoutJson_AskedFor(string config, string name)
    {
        Copy("gpt2", "vocab.json", "merges.txt");
        Write("config.json", config);

        var fault = Assert.ThrowsExactly<FormatException>(Load);

        Assert.AreEqual("tokenizer_config.json: 'tokenizer_class': expected the class that the model was trained with, "
            + $"which by config.json is '{name}', found none; without tokenizer.json GPT2Tokenizer would be taken.",
            fault.Message);
        PretrainedTokenizer former = Load(Second);
        CollectionAssert.AreEqual(Golden("gpt2").Last().Ids, former.Encode(Golden("gpt2").Last().Text));
        Assert.AreEqual("tokenizer_config.json: 'tokenizer_class': none is named: GPT2Tokenizer is taken, today the "
            + "class is asked for", former.FormerRules.Single());
        Write("tokenizer_config.json", """{ "tokenizer_class": "GPT2Tokenizer" }""");
        Assert.IsEmpty(Load(Second).FormerRules);
        CollectionAssert.AreEqual(Golden("gpt2").Last().Ids, Load().Encode(Golden("gpt2").Last().Text));
    }

    [TestMethod]
    [DataRow("tokenizer_config.json", """{ "tokenizer_class": "PegasusTokenizerFast" }""", "PegasusTokenizer")]
    [DataRow("tokenizer_config.json", """{ "tokenizer_class": "AlbertTokenizer" }""", "AlbertTokenizer")]
    [DataRow("config.json", """{ "model_type": "pegasus" }""", "PegasusTokenizer")]
    [DataRow("config.json", """{ "model_type": "t5", "tokenizer_class": "XLNetTokenizer" }""", "XLNetTokenizer")]
    public void FromFolder_SpieceOfAClassWithOtherIds_Refused(string file, string json, string name)
    {
        Copy("t5-unigram", "spiece.model");
        Write(file, json);

        var fault = Assert.ThrowsExactly<NotSupportedException>(Load);

        Assert.AreEqual($"spiece.model: a tokenizer of the class '{name}' (tokenizer_config.json, else config.json): "
            + "without tokenizer.json supported is T5Tokenizer.", fault.Message);
        PretrainedTokenizer former = Load(Second);
        CollectionAssert.AreEqual(Golden("t5-unigram").Last().Ids, former.Encode(Golden("t5-unigram").Last().Text));
        Assert.AreEqual($"spiece.model: is read as T5Tokenizer's, today a tokenizer of the class '{name}' is refused",
            former.FormerRules.Single());
    }

    [TestMethod]
    [DataRow("tokenizer_config.json", """{ "tokenizer_class": "T5TokenizerFast" }""")]
    [DataRow("config.json", """{ "model_type": "t5" }""")]
    [DataRow("config.json", """{ "model_type": "gpt2", "tokenizer_class": "T5Tokenizer" }""")]
    public void FromFolder_SpieceOfT5_ReadWhoeverNamesTheClass(string file, string json)
    {
        Copy("t5-unigram", "spiece.model");
        Write(file, json);

        foreach ((string text, int[] ids) in Golden("t5-unigram").Take(20))
            CollectionAssert.AreEqual(ids, Load().Encode(text), text);
    }

    [TestMethod]
    [DataRow("""{ }""", "", "")]
    [DataRow("""{ "add_bos_token": true, "bos_token": "<|endoftext|>" }""", "0", "")]
    [DataRow("""{ "add_eos_token": true, "eos_token": { "content": "<|endoftext|>" } }""", "", "0")]
    [DataRow("""{ "tokenizer_class": "BartTokenizer", "added_tokens_decoder": { "900": { "content": "<s>", "special": true }, "901": { "content": "</s>", "special": true } } }""", "900", "901")]
    public void Ends_AsTheSettingsSay(string settings, string prologue, string epilogue)
    {
        Copy("gpt2", "vocab.json", "merges.txt");
        Write("tokenizer_config.json", settings);

        PretrainedTokenizer tokenizer = Load();

        Assert.AreEqual(prologue, string.Join(' ', tokenizer.Prologue));
        Assert.AreEqual(epilogue, string.Join(' ', tokenizer.Epilogue));
    }

    [TestMethod]
    [DataRow("""{ "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<|begin_of_text|>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }] }""", "0", "")]
    [DataRow("""{ "type": "Sequence", "processors": [{ "type": "ByteLevel" }, { "type": "RobertaProcessing", "cls": ["<|begin_of_text|>", 0], "sep": ["<|end_of_text|>", 1] }] }""", "0", "1")]
    public void Ends_AsThePostProcessorSays(string processor, string prologue, string epilogue)
    {
        WriteJson("llama3", root => root["post_processor"] = JsonNode.Parse(processor));
        Assert.AreEqual(prologue, string.Join(' ', Load().Prologue));
        Assert.AreEqual(epilogue, string.Join(' ', Load().Epilogue));

        Write("tokenizer_config.json", """{ "add_bos_token": false, "add_eos_token": false }""");
        Assert.IsEmpty(Load().Prologue);
        Assert.IsEmpty(Load().Epilogue);
    }

    [TestMethod]
    [DataRow("""{ "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<|eot_id|>", "type_id": 0 } }, { "Sequence": { "id": "A" } }], "special_tokens": { "<|eot_id|>": { "id": "<|eot_id|>", "ids": [1], "tokens": ["<|eot_id|>"] } } }""",
        "special_tokens.<|eot_id|>.ids")]
    [DataRow("""{ "type": "TemplateProcessing", "single": [{ "Sequence": { "id": "A" } }, { "SpecialToken": { "id": "<|eot_id|>" } }], "special_tokens": { "<|eot_id|>": { "ids": [2, 2] } } }""",
        "special_tokens.<|eot_id|>.ids")]
    [DataRow("""{ "type": "RobertaProcessing", "cls": ["<|begin_of_text|>", 0], "sep": ["<|eot_id|>", 1] }""", "sep")]
    public void FromFolder_PostProcessorWithOtherIds_Refused(string processor, string place)
    {
        WriteJson("llama3", root => root["post_processor"] = JsonNode.Parse(processor));

        Assert.StartsWith(
            $"tokenizer.json: 'post_processor.{place}': expected the id of '<|eot_id|>' in the vocabulary, 2, found [",
            Assert.ThrowsExactly<FormatException>(Load).Message);
    }

    [TestMethod]
    public void FromFolder_AddedTokens_OrdinaryOnesFoundInPlainText()
    {
        WriteJson("smollm", root =>
        {
            var added = root["added_tokens"]!.AsArray();
            added.Add(JsonNode.Parse("""{ "id": 900, "content": "<tool>", "special": false, "normalized": false }"""));
            added.Add(JsonNode.Parse(
                """{ "id": 901, "content": "<tool><tool>", "special": false, "normalized": false }"""));
            added.Add(JsonNode.Parse(
                """{ "id": 902, "content": "<mask>", "lstrip": true, "rstrip": true, "special": true }"""));
        });

        PretrainedTokenizer tokenizer = Load();

        int[] a = tokenizer.Encode("a");
        CollectionAssert.AreEqual((int[])[.. a, 901, 900, .. a], tokenizer.Encode("a<tool><tool><tool>a"));
        CollectionAssert.AreEqual((int[])[.. a, 902, .. a], tokenizer.EncodeTemplate("a  <mask> \n a"));
        Assert.DoesNotContain(902, tokenizer.Encode("a <mask> a"));
        Assert.AreEqual("a<tool>a", tokenizer.Decode([.. a, 900, 902, .. a, 1050]));
        CollectionAssert.AreEquivalent((string[])["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<mask>"],
            tokenizer.SpecialTokens.Keys.ToArray());
    }

    [TestMethod]
    public void FromFolder_GemmaForm_SpacesBecomeMarks()
    {
        WriteJson("llama-sentencepiece", root =>
        {
            root["normalizer"] =
                JsonNode.Parse("""{ "type": "Replace", "pattern": { "String": " " }, "content": "▁" }""");
            root["pre_tokenizer"] =
                JsonNode.Parse(
                """{ "type": "Split", "pattern": { "String": " " }, "behavior": "MergedWithPrevious", "invert": false }""");
            root["decoder"] =
                JsonNode.Parse(
                """{ "type": "Sequence", "decoders": [{ "type": "Replace", "pattern": { "String": "▁" }, "content": " " }, { "type": "ByteFallback" }, { "type": "Fuse" }] }""");
        });

        PretrainedTokenizer tokenizer = Load();

        foreach ((string text, int[] ids) in Golden("llama-sentencepiece").Where(item => item.Text.Length > 0))
        {
            CollectionAssert.AreEqual(ids, tokenizer.Encode(" " + text), text);
            Assert.AreEqual(" " + text, tokenizer.Decode(ids), text);
        }
    }

    [TestMethod]
    public void FromFolder_MistralForm_MarkInFrontOfTheBeginningOnly()
    {
        WriteJson("llama-sentencepiece", root =>
        {
            root["normalizer"] = null;
            root["pre_tokenizer"] =
                JsonNode.Parse(
                """{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false }""");
        });

        PretrainedTokenizer tokenizer = Load();

        foreach ((string text, int[] ids) in Golden("llama-sentencepiece")
            .Where(item => !item.Text.StartsWith(' ') && !item.Text.StartsWith('▁')))
            CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
        CollectionAssert.AreEqual((int[])[1, .. tokenizer.Encode("the"), 2, .. tokenizer.Encode(" the")],
            tokenizer.EncodeTemplate("<s> the</s> the"));
    }

    [TestMethod]
    [DataRow("""{ "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, { "type": "Metaspace", "replacement": "▁", "add_prefix_space": true }] }""", false)]
    [DataRow("""{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }""", true)]
    public void FromFolder_UnigramJson_AsTheModelFile(string preTokenizer, bool normalizesSpaces)
    {
        WriteT5(preTokenizer, normalizesSpaces);

        PretrainedTokenizer tokenizer = Load();

        Assert.AreEqual("SentencePiece Unigram", tokenizer.Kind);
        CollectionAssert.AreEqual((int[])[1], tokenizer.Epilogue.ToArray());
        foreach ((string text, int[] ids) in Golden("t5-unigram"))
            CollectionAssert.AreEqual(text == LongGrapheme ? [3, 8, 2] : ids, tokenizer.Encode(text), text);
        Assert.AreEqual("name : Cocum", tokenizer.Decode(tokenizer.Encode("  name :\tCocum ")));
        PretrainedTokenizer former = Load(new TextRules { Version = 3 });
        foreach ((string text, int[] ids) in Golden("t5-unigram"))
            CollectionAssert.AreEqual(ids, former.Encode(text), text);
        Assert.StartsWith("tokenizer.json: 'normalizer': the table of characters takes the longest sequence",
            former.FormerRules.Single());
        Assert.EndsWith("characters of several code points, or white space at the end, may become other tokens",
            former.FormerRules.Single());
    }

    // Ids of tokenizers 0.23.2: 5 is the word, 165 the same letters within one, 1 the end token.
    [TestMethod]
    [DataRow("always", "5", "5 1 5", "5 1 5", "5 5")]
    [DataRow("first", "5", "5 1 5", "5 1 165", "5 5")]
    [DataRow("never", "165", "165 1 5", "165 1 165", "5 5")]
    public void FromFolder_UnigramJson_SpacesInFrontStayOneMark(string scheme, string word, string behindSpaced,
        string behindJoined, string spaced)
    {
        WriteT5($$"""{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "{{scheme}}" }""", true);

        PretrainedTokenizer tokenizer = Load();

        foreach ((string text, string ids) in ((string, string)[])[("the", word), ("the</s> the", behindSpaced),
            ("the</s>the", behindJoined), ("  the  the ", spaced)])
            Assert.AreEqual(ids, string.Join(' ', tokenizer.EncodeTemplate(text)), text);
        Assert.IsEmpty(tokenizer.Encode("   "));
    }

    [TestMethod]
    public void FromFolder_WordsWithoutAMark_Refused()
    {
        WriteT5("""
            { "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" },
              { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first" }] }
            """, false);

        Assert.EndsWith("supported is the scheme 'always' behind 'WhitespaceSplit'.",
            Assert.ThrowsExactly<NotSupportedException>(Load).Message);
    }

    [TestMethod]
    public void FromFolder_T5_SentinelsAboveTheVocabularyDownwards()
    {
        Copy("t5-unigram", "spiece.model");
        PretrainedTokenizer tokenizer = Load();
        int pieces = tokenizer.TokenCount - 100;

        Assert.AreEqual(pieces + 99, tokenizer.SpecialTokens["<extra_id_0>"]);
        Assert.AreEqual(pieces, tokenizer.SpecialTokens["<extra_id_99>"]);
        CollectionAssert.AreEqual((int[])[tokenizer.SpecialTokens["</s>"]], tokenizer.Epilogue.ToArray());
        Assert.AreEqual(pieces, PretrainedTokenizer.FromFolder(_folder.FullName, pieces).TokenCount);
    }

    [TestMethod]
    [DataRow("""{ "name": "default", "template": 5 }""", "'chat_template[0].template': expected a text, found 5.")]
    [DataRow("5", "'chat_template[0]': expected an object, found 5.")]
    public void FromFolder_ChatTemplateThatIsNoText_Refused(string template, string expected)
    {
        WriteJson("gpt2", _ => { });
        Write("tokenizer_config.json", $$"""{ "chat_template": [{{template}}] }""");

        Assert.AreEqual($"tokenizer_config.json: {expected}", Assert.ThrowsExactly<FormatException>(Load).Message);
    }

    [TestMethod]
    [DataRow("normalizer", """{ "type": "Lowercase" }""", "tokenizer.json: 'normalizer.type': found \"Lowercase\"")]
    [DataRow("pre_tokenizer", """{ "type": "Split", "pattern": { "Regex": "\\w+" }, "behavior": "Isolated" }""",
        "tokenizer.json: 'pre_tokenizer.pattern.Regex': found \"\\\\w")]
    [DataRow("pre_tokenizer", """{ "type": "Whitespace" }""",
        "tokenizer.json: 'pre_tokenizer.type': found \"Whitespace\"")]
    [DataRow("decoder", """{ "type": "WordPiece" }""", "tokenizer.json: 'decoder': found {\"type\":\"WordPiece\"}")]
    [DataRow("decoder", "null", "tokenizer.json: 'decoder': found none")]
    [DataRow("decoder", """{ "type": "Sequence", "decoders": [{ "type": "ByteLevel" }, { "type": "Strip", "content": " ", "start": 1, "stop": 0 }] }""",
        "tokenizer.json: 'decoder.decoders[1]': found {\"type\":\"Strip\"")]
    [DataRow("decoder", """{ "type": "Sequence", "decoders": [{ "type": "Replace", "pattern": { "String": "▁" }, "content": " " }, { "type": "ByteLevel" }] }""",
        "tokenizer.json: 'decoder.decoders[0]': found {\"type\":\"Replace\"")]
    [DataRow("post_processor", """{ "type": "TemplateProcessing", "single": [] }""",
        "tokenizer.json: 'post_processor.single': found []")]
    [DataRow("post_processor", """{ "type": "TemplateProcessing", "single": [{ "Sequence": { "id": "A" } }, { "Sequence": { "id": "A" } }] }""",
        "tokenizer.json: 'post_processor.single': found [")]
    [DataRow("post_processor", """{ "type": "TemplateProcessing", "single": [{ "Sequence": { "id": "B" } }] }""",
        "tokenizer.json: 'post_processor.single': found [")]
    [DataRow("post_processor", """{ "type": "Other" }""", "tokenizer.json: 'post_processor.type': found \"Other\"")]
    public void FromFolder_StageThatIsNotKnown_RefusedByItsName(string stage, string json, string message)
    {
        WriteJson("gpt2", root => root[stage] = JsonNode.Parse(json));

        var fault = Assert.ThrowsExactly<NotSupportedException>(Load);

        Assert.StartsWith(message, fault.Message);
    }

    private static IEnumerable<(string Text, int[] Ids)> Golden(string folder) =>
        JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "golden.json")))
            .GetProperty("texts").EnumerateArray()
            .Select(item => (item.GetProperty("text").GetString()!, item.GetProperty("ids").EnumerateArray()
                .Select(id => id.GetInt32()).ToArray()));

    private PretrainedTokenizer Load() => PretrainedTokenizer.FromFolder(_folder.FullName, Rows);

    private PretrainedTokenizer Load(TextRules rules) =>
        PretrainedTokenizer.FromFolder(_folder.FullName, Rows, rules);

    private void Copy(string folder, params string[] files)
    {
        foreach (string file in files)
            File.Copy(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, file),
                Path.Combine(_folder.FullName, file));
    }

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_folder.FullName, file), text);

    private void WriteT5(string preTokenizer, bool normalizesSpaces) =>
        Write("tokenizer.json", UnigramJson.Make(preTokenizer, normalizesSpaces).ToJsonString());

    private void WriteJson(string folder, Action<JsonNode> change)
    {
        JsonNode root =
            JsonNode.Parse(
            File.ReadAllBytes(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "tokenizer.json")))!;
        change(root);
        Write("tokenizer.json", root.ToJsonString());
    }
}
