using System;
using System.Collections.Concurrent;
using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// The tokenizers of a base, one for each set of rules that somebody asks for. Safe for concurrent use.
/// </summary>
/// <param name="path">Folder or GGUF file.</param>
/// <param name="vocabularySize">Rows of the embedding.</param>
internal sealed class BaseTokenizers(string path, int vocabularySize)
{
    private readonly ConcurrentDictionary<TextRules, Lazy<PretrainedTokenizer>> _read = new();

    /// <summary>The tokenizer, read when it is first asked for.</summary>
    /// <exception cref="FormatException">A file is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public PretrainedTokenizer By(TextRules rules) =>
        _read.GetOrAdd(rules, own => new Lazy<PretrainedTokenizer>(() => Read(own))).Value;

    /// <summary>Reads the tokenizer of a base that is not loaded.</summary>
    /// <inheritdoc cref="By"/>
    public static PretrainedTokenizer Open(string path, TextRules rules)
    {
        if (File.Exists(path))
        {
            using GgufFile file = GgufFile.Open(path);
            return new BaseTokenizers(path, GgufTokenIds.RowsOf(file)).Read(rules);
        }
        if (!Directory.Exists(path))
            throw new DirectoryNotFoundException(
                $"Base model '{path}': expected a folder or a .gguf file with a tokenizer, found nothing.");
        ModelConfig config = ModelConfig.Read(Path.Combine(path, "config.json"));
        return new BaseTokenizers(path, Family.Of(config).Describe(config).VocabularySize).Read(rules);
    }

    private PretrainedTokenizer Read(TextRules rules)
    {
        if (!Directory.Exists(path))
        {
            using GgufFile file = GgufFile.Open(path);
            return PretrainedTokenizer.FromGguf(file.Metadata, file.Name, vocabularySize, rules);
        }
        return rules.PreTokenizer is null ? PretrainedTokenizer.FromFolder(path, vocabularySize, rules)
            : throw new NotSupportedException($"Base model '{path}': expected a GGUF file, to which a pre-tokenizer "
                + $"may be named ('{rules.PreTokenizer}'), found a folder, whose files say "
                + "themselves how text is cut.");
    }
}
