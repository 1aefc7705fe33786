using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The normalizers, pre-tokenizers and the decoder of a <c>tokenizer.json</c>.</summary>
internal sealed class JsonStages
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Gpt2ShortPattern = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3Head = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}";
    private const string Llama3Tail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private readonly List<Normalizer> _normalizers = [];
    private readonly List<PieceSplitter> _splitters = [];
    private bool _byteLevel;

    private JsonStages()
    {
    }

    /// <summary>Rewrite the text.</summary>
    public IReadOnlyList<Normalizer> Normalizers => _normalizers;

    /// <summary>Cut it.</summary>
    public IReadOnlyList<PieceSplitter> Splitters => _splitters;

    /// <summary>Reads the stages.</summary>
    /// <exception cref="NotSupportedException">One is of a type, or has an option, that is not read here.</exception>
    public static JsonStages Read(JsonSection root)
    {
        var stages = new JsonStages();
        if (root.Find("normalizer") is { } normalizer)
            stages.AddNormalizer(normalizer);
        if (root.Find("pre_tokenizer") is { } preTokenizer)
            stages.AddPreTokenizer(preTokenizer);
        return stages;
    }

    private void AddNormalizer(JsonSection stage)
    {
        JsonSection type = stage.Need("type");
        switch (type.Text())
        {
            case "Sequence":
                foreach (JsonSection inner in stage.Need("normalizers").Items())
                    AddNormalizer(inner);
                break;
            case "NFC":
                _normalizers.Add(new CompositionNormalizer());
                break;
            default:
                throw type.Unsupported("'Sequence', 'NFC'");
        }
    }

    private void AddPreTokenizer(JsonSection stage)
    {
        JsonSection type = stage.Need("type");
        if (_byteLevel)
            throw type.Unsupported("no pre-tokenizer behind 'ByteLevel'");
        switch (type.Text())
        {
            case "Sequence":
                foreach (JsonSection inner in stage.Need("pretokenizers").Items())
                    AddPreTokenizer(inner);
                break;
            case "ByteLevel":
                AddByteLevel(stage);
                break;
            case "Digits":
                _splitters.Add(new NumberSplitter(stage.FlagOf("individual_digits", otherwise: false)));
                break;
            case "Split":
                _splitters.Add(Split(stage));
                break;
            default:
                throw type.Unsupported("'Sequence', 'ByteLevel', 'Digits' and 'Split'");
        }
    }

    private void AddByteLevel(JsonSection stage)
    {
        if (stage.FlagOf("add_prefix_space", otherwise: true))
        {
            // Behind another pre-tokenizer every piece would get its space.
            if (_splitters.Count > 0)
                throw stage.Unsupported("'add_prefix_space' where no other pre-tokenizer comes first");
            _normalizers.Add(new WordSpaceNormalizer());
        }
        if (stage.FlagOf("use_regex", otherwise: true))
            _splitters.Add(new Gpt2Splitter());
        _byteLevel = true;
    }

    private static PieceSplitter Split(JsonSection stage)
    {
        JsonSection pattern = stage.Need("pattern"), behavior = stage.Need("behavior");
        bool inverted = stage.FlagOf("invert", otherwise: false);
        if (pattern.TextOf("String") is { } mark)
        {
            return mark.Length > 0 && behavior.Text() == "MergedWithPrevious" && !inverted ? new MarkSplitter(mark)
                : throw behavior.Unsupported("'MergedWithPrevious' for a 'String'");
        }
        // The known expressions match all of a text: both ways keep their matches, and nothing lies between.
        if ((behavior.Text(), inverted) is not (("Isolated", false) or ("Removed", true)))
            throw behavior.Unsupported("'Isolated', or 'Removed' with 'invert'");
        JsonSection expression = pattern.Need("Regex");
        return expression.Text() switch
        {
            Gpt2Pattern or Gpt2ShortPattern => new Gpt2Splitter(),
            Llama3Head + "{1,3}" + Llama3Tail => new Llama3Splitter(longestNumber: 3),
            Llama3Head + Llama3Tail => new Llama3Splitter(longestNumber: 1),
            @"\p{N}" => new NumberSplitter(individual: true),
            _ => throw expression.Unsupported("the expressions of GPT-2, Llama 3 and Qwen2"),
        };
    }
}
