using System.IO;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>Reads the tokenizer of a checkpoint's folder from whichever files hold it.</summary>
internal static class TokenizerFolder
{
    private const string Json = "tokenizer.json", Chats = "chat_template.jinja";

    /// <inheritdoc cref="PretrainedTokenizer.FromFolder(string)"/>
    public static TokenizerParts Read(string folder, int vocabularySize, TextRules rules)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"'{folder}': expected a folder with a tokenizer, found none.");
        TokenizerSettings settings = TokenizerSettings.Read(folder, rules);
        return Read(folder, settings, vocabularySize) with
        {
            ChatTemplate = Has(folder, Chats) ? File.ReadAllText(Path.Combine(folder, Chats)) : settings.ChatTemplate,
        };
    }

    private static TokenizerParts Read(string folder, TokenizerSettings settings, int vocabularySize)
    {
        if (Has(folder, Json))
            return TokenizerJson.Read(Path.Combine(folder, Json), settings, vocabularySize);
        if (Has(folder, VocabularyAndMerges.VocabularyFile) || Has(folder, VocabularyAndMerges.MergesFile))
            return VocabularyAndMerges.Read(folder, settings, vocabularySize);
        foreach (string file in (string[])[SentencePieceTokenizer.LlamaFile, SentencePieceTokenizer.T5File])
        {
            if (Has(folder, file))
                return SentencePieceTokenizer.Read(Path.Combine(folder, file), settings, vocabularySize);
        }
        throw new FileNotFoundException(
            $"{Json}: expected in '{folder}', or vocab.json and merges.txt, or tokenizer.model, or spiece.model;"
                + " found none of them.",
            Path.Combine(folder, Json));
    }

    private static bool Has(string folder, string file) => File.Exists(Path.Combine(folder, file));
}
