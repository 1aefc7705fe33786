using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.SmallBart.Vocabulary;

/// <summary>A vocabulary as the files of BART's tokenizer: its special tokens first, the mask last.</summary>
internal static class TokenizerFiles
{
    /// <summary>Special tokens in front of the vocabulary, by id.</summary>
    public static readonly string[] First = ["<s>", "<pad>", "</s>", "<unk>"];

    /// <summary>The last token.</summary>
    public const string Mask = "<mask>";

    /// <summary>Special tokens in all.</summary>
    public static readonly int SpecialCount = First.Length + 1;

    private static readonly JsonSerializerOptions Readable =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Indented = new(Readable) { WriteIndented = true };

    /// <summary>Writes vocab.json, merges.txt and tokenizer_config.json.</summary>
    /// <param name="vocabulary">The vocabulary.</param>
    /// <param name="folder">Where to; it is there.</param>
    /// <param name="longest">Tokens that a text may have, for readers that cut.</param>
    public static void Write(BytePairVocabulary vocabulary, string folder, int longest)
    {
        string[] tokens = [.. First, .. vocabulary.Tokens, Mask];
        Dictionary<string, int> ids = tokens.Select((token, id) => (token, id))
            .ToDictionary(entry => entry.token, entry => entry.id);
        WriteText(folder, "vocab.json", JsonSerializer.Serialize(ids, Readable));
        WriteText(folder, "merges.txt", string.Concat(vocabulary.Merges.Select(merge => $"{merge.Left} {merge.Right}\n")
            .Prepend("#version: 0.2\n")));
        var config = new JsonObject
        {
            ["tokenizer_class"] = "BartTokenizer",
            ["bos_token"] = "<s>",
            ["eos_token"] = "</s>",
            ["unk_token"] = "<unk>",
            ["sep_token"] = "</s>",
            ["pad_token"] = "<pad>",
            ["cls_token"] = "<s>",
            ["mask_token"] = Mask,
            ["add_prefix_space"] = false,
            ["model_max_length"] = longest,
        };
        WriteText(folder, "tokenizer_config.json", config.ToJsonString(Indented) + "\n");
    }

    private static void WriteText(string folder, string name, string text) =>
        AtomicFile.Write(Path.Combine(folder, name), Encoding.UTF8.GetBytes(text));
}
