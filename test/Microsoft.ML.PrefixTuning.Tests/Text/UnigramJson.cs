using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Makes the <c>tokenizer.json</c> of a T5 from the golden folder's model file.</summary>
internal static class UnigramJson
{
    /// <summary>Makes the file.</summary>
    /// <param name="preTokenizer">Its pre-tokenizer.</param>
    /// <param name="normalizesSpaces">Whether a normalizer strips spaces and joins them.</param>
    public static JsonObject Make(string preTokenizer, bool normalizesSpaces)
    {
        SentencePieceFile model =
            SentencePieceFile.Read(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));
        var precompiled = new JsonObject
        {
            ["type"] = "Precompiled",
            ["precompiled_charsmap"] = Convert.ToBase64String(model.CharacterMap)
        };
        JsonNode spaces = JsonNode.Parse("""
            { "type": "Sequence", "normalizers": [
              { "type": "Strip", "strip_left": false, "strip_right": true },
              { "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": "▁" }] }
            """)!;
        return new JsonObject
        {
            ["added_tokens"] = JsonNode.Parse("""
                [{ "id": 0, "content": "<pad>", "special": true },
                 { "id": 1, "content": "</s>", "special": true },
                 { "id": 2, "content": "<unk>", "special": true }]
                """),
            ["normalizer"] = normalizesSpaces ? new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(precompiled, spaces)
            } : precompiled,
            ["pre_tokenizer"] = JsonNode.Parse(preTokenizer),
            ["post_processor"] = JsonNode.Parse("""
                { "type": "TemplateProcessing", "single": [
                  { "Sequence": { "id": "A" } }, { "SpecialToken": { "id": "</s>" } }] }
                """),
            ["decoder"] = JsonNode.Parse("""{ "type": "Metaspace", "replacement": "▁", "add_prefix_space": true }"""),
            ["model"] = new JsonObject
            {
                ["type"] = "Unigram",
                ["unk_id"] = model.UnknownId,
                ["vocab"] = new JsonArray([.. model.Pieces.Select(piece => new JsonArray(piece.Text, piece.Score))]),
            },
        };
    }
}
