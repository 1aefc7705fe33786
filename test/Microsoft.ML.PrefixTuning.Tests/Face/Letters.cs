using System.IO;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A base with a SentencePiece tokenizer of letters that puts a space in front of texts.</summary>
internal static class Letters
{
    private const string Tokenizer = """
        {
          "added_tokens": [
            { "id": 0, "content": "<s>", "special": true },
            { "id": 1, "content": "</s>", "special": true }],
          "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "Prepend", "prepend": "▁" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "▁" }] },
          "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "▁" }, "content": " " },
            { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 }] },
          "model": { "type": "BPE", "merges": [], "vocab": { "<s>": 0, "</s>": 1, "▁": 2, "a": 3, "b": 4, "c": 5 } }
        }
        """;

    /// <summary>Writes the base to a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="settings">Its tokenizer_config.json.</param>
    public static BaseModel Base(string folder, string settings)
    {
        Directory.CreateDirectory(folder);
        foreach (string name in (string[])["config.json", "model.safetensors"])
            File.Copy(Path.Combine(TinyBase.Folder("llama"), name), Path.Combine(folder, name), overwrite: true);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Tokenizer);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), settings);
        return BaseModel.FromFolder(folder);
    }
}
