using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>The normalizers, pre-tokenizers and the decoder of a <c>tokenizer.json</c>.</summary>
internal sealed class JsonStages
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Gpt2ShortPattern = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3Head = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}";
    private const string Llama3Tail = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string O200kPattern = $@"{O200kLead}{O200kUpper}*{O200kLower}+{O200kEnd}?|"
        + $@"{O200kLead}{O200kUpper}+{O200kLower}*{O200kEnd}?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string O200kLead = @"[^\r\n\p{L}\p{N}]?", O200kEnd = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string O200kUpper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", O200kLower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string SpaceRunPattern = " {2,}";

    private static readonly string Mark = SpaceMarkNormalizer.Mark.ToString();

    private readonly TokenizerSettings _settings;
    private readonly List<Normalizer> _normalizers = [];
    private readonly List<Normalizer> _markers = [];
    private readonly List<PieceSplitter> _splitters = [];

    // How many times as long the normalizers make a text at most.
    private double _growth = 1;

    // Stages that only together mean that runs of spaces become one.
    private bool _stripsEnd;
    private bool _joinsRuns;
    private bool _splitsAtSpaces;
    private bool _mapsCharacters;

    // Puts the mark of a space in front of a text, in SentencePiece's vocabularies.
    private PrefixNormalizer? _prefix;

    // Whether a table of characters goes by the rules from before version 4; null before it is asked.
    private bool? _isFormer;

    private JsonStages(TokenizerSettings settings) => _settings = settings;

    /// <summary>Rewrite the text before added tokens are found in it.</summary>
    public IReadOnlyList<Normalizer> Normalizers => _normalizers;

    /// <summary>Rewrite the text between added tokens, for the pre-tokenizers.</summary>
    public IReadOnlyList<Normalizer> Markers => _markers;

    /// <summary>Cut it.</summary>
    public IReadOnlyList<PieceSplitter> Splitters => _splitters;

    /// <summary>Whether tokens are written in the <see cref="ByteAlphabet"/>.</summary>
    public bool IsByteLevel { get; private set; }

    /// <summary>Whether <c>▁</c> is put in front of words by the pre-tokenizer.</summary>
    public bool MarksWords { get; private set; }

    /// <summary>Whether a space at the beginning of the text is dropped when decoding.</summary>
    public bool DropsFirstSpace { get; private set; }

    /// <summary>Reads the stages.</summary>
    /// <param name="root">The file.</param>
    /// <param name="settings">Say whether a space goes in front of texts, and by which rules.</param>
    /// <exception cref="NotSupportedException">One is of a type, or has an option, that is not read here.</exception>
    public static JsonStages Read(JsonSection root, TokenizerSettings settings)
    {
        var stages = new JsonStages(settings);
        if (root.Find("normalizer") is { } normalizer)
            stages.AddNormalizer(normalizer);
        if (root.Find("pre_tokenizer") is { } preTokenizer)
            stages.AddPreTokenizer(preTokenizer);
        if (stages._stripsEnd != stages._joinsRuns
            || (stages.Collapses && !(stages.MarksWords && stages._mapsCharacters)))
            throw new NotSupportedException(
                $"{root.File}: 'normalizer': found spaces stripped or joined in another way than T5's, which is what"
                    + " is supported.");
        stages.ReadDecoder(root.Find("decoder")
            ?? throw new NotSupportedException(
                $"{root.File}: 'decoder': found none, supported are 'ByteLevel', 'Metaspace' and 'Sequence'."));
        if (stages._prefix is { } prefix && settings.DropsPrefixSpace())
        {
            stages._normalizers.Remove(prefix);
            stages._markers.Remove(prefix);
            stages.DropsFirstSpace = false;
        }
        return stages;
    }

    private bool Collapses => _splitsAtSpaces || _stripsEnd;

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
            case "Prepend":
                string prefix = stage.Need("prepend").Text();
                Grow(stage, 1 + prefix.Length);
                AddPrefix(_normalizers, new PrefixNormalizer(prefix, openingOnly: false, unlessThere: false));
                break;
            case "Replace":
                AddReplacement(stage);
                break;
            case "Precompiled":
                JsonSection table = stage.Need("precompiled_charsmap");
                if (table.Text().Length == 0 || !table.Element.TryGetBytesFromBase64(out byte[]? bytes))
                    throw table.Wrong("a table in Base64");
                _normalizers.Add(new CharacterMapNormalizer(bytes, $"{table.File}: '{table.Path}'")
                {
                    ByGraphemes = !IsFormer(table),
                });
                _mapsCharacters = true;
                break;
            case "Strip" when !stage.FlagOf("strip_left", otherwise: true):
                _stripsEnd = true;
                if (!IsFormer(stage))
                    _normalizers.Add(new EndStripNormalizer());
                break;
            default:
                throw type.Unsupported(
                    "'Sequence', 'NFC', 'Prepend', 'Replace', 'Precompiled' and 'Strip' on the right");
        }
    }

    private void AddPrefix(List<Normalizer> stages, PrefixNormalizer prefix)
    {
        _prefix = prefix;
        stages.Add(prefix);
    }

    // Only files with a table of characters strip spaces and join them.
    private bool IsFormer(JsonSection stage) => _isFormer ??= _settings.IsFormer(4,
        $"{stage.File}: 'normalizer': the table of characters takes the longest sequence that it knows, and spaces are "
        + "joined between added tokens; today it takes short graphemes or characters, and spaces are joined before: "
        + "texts with characters of several code points, or white space at the end, may become other tokens");

    /// <summary>
    /// Refuses normalizers that together blow a text up: two dozen of them that double it make gigabytes of a word.
    /// </summary>
    /// <param name="stage">The normalizer.</param>
    /// <param name="factor">How many times as long it makes a text at most.</param>
    private void Grow(JsonSection stage, double factor)
    {
        _growth *= Math.Max(1, factor);
        if (_growth > Normalizer.MostGrowth)
            throw stage.Wrong($"normalizers that make a text at most {Normalizer.MostGrowth} times as long");
    }

    private void AddReplacement(JsonSection stage)
    {
        JsonSection pattern = stage.Need("pattern");
        string content = stage.Need("content").Text();
        if (pattern.TextOf("String") is { Length: > 0 } old)
        {
            Grow(stage, (double)content.Length / old.Length);
            _normalizers.Add(new ReplaceNormalizer(old, content));
        }
        else if (pattern.TextOf("Regex") == SpaceRunPattern && content == Mark)
        {
            _joinsRuns = true;
            if (!IsFormer(stage))
                _normalizers.Add(new SpaceRunNormalizer(SpaceMarkNormalizer.Mark));
        }
        else
            throw pattern.Unsupported($"a 'String', or the expression '{SpaceRunPattern}'");
    }

    private void AddPreTokenizer(JsonSection stage)
    {
        JsonSection type = stage.Need("type");
        if (IsByteLevel || MarksWords)
            throw type.Unsupported("nothing behind 'ByteLevel' and 'Metaspace'");
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
            case "WhitespaceSplit":
                _splitsAtSpaces = true;
                break;
            case "Metaspace":
                AddMetaspace(stage);
                break;
            default:
                throw type.Unsupported("'Sequence', 'ByteLevel', 'Digits', 'Split', 'WhitespaceSplit' and 'Metaspace'");
        }
    }

    private void AddByteLevel(JsonSection stage)
    {
        if (stage.FlagOf("add_prefix_space", otherwise: true))
        {
            // Behind another pre-tokenizer every piece would get its space.
            if (_splitters.Count > 0)
                throw stage.Unsupported("'add_prefix_space' where no other pre-tokenizer comes first");
            _markers.Add(new PrefixNormalizer(" ", openingOnly: false, unlessThere: true));
        }
        if (stage.FlagOf("use_regex", otherwise: true))
            _splitters.Add(new Gpt2Splitter());
        IsByteLevel = true;
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
            O200kPattern => new O200kSplitter(),
            _ => throw expression.Unsupported("the expressions of GPT-2, Llama 3, Qwen2 and o200k"),
        };
    }

    private void AddMetaspace(JsonSection stage)
    {
        if (stage.Need("replacement") is var mark && mark.Text() != Mark)
            throw mark.Unsupported($"'{Mark}'");
        // Older files have a flag in the scheme's place.
        string scheme = stage.TextOf("prepend_scheme")
            ?? (stage.FlagOf("add_prefix_space", otherwise: true) ? "always" : "never");
        if (scheme is not ("always" or "first" or "never"))
            throw stage.Need("prepend_scheme").Unsupported("'always', 'first' and 'never'");
        // A word without a mark would be another token, which no model has for all its words.
        if (_splitsAtSpaces && scheme != "always")
            throw stage.Unsupported("the scheme 'always' behind 'WhitespaceSplit'");
        bool collapses = _splitsAtSpaces || (_stripsEnd && _isFormer == true);
        _markers.Add(new SpaceMarkNormalizer(prefix: false, collapses, keepsFirst: true));
        if (scheme != "never")
            AddPrefix(_markers, new PrefixNormalizer(Mark, openingOnly: scheme == "first", unlessThere: true));
        if (stage.FlagOf("split", otherwise: true))
            _splitters.Add(new WordSplitter(SpaceMarkNormalizer.Mark));
        MarksWords = true;
    }

    private void ReadDecoder(JsonSection decoder)
    {
        JsonSection type = decoder.Need("type");
        switch (type.Text())
        {
            case "ByteLevel" when IsByteLevel:
            case "ByteFallback" or "Fuse" when !IsByteLevel:
                break;
            case "Sequence":
                foreach (JsonSection inner in decoder.Need("decoders").Items())
                    ReadDecoder(inner);
                break;
            case "Metaspace" when MarksWords:
                DropsFirstSpace |= decoder.TextOf("prepend_scheme") != "never"
                    && decoder.FlagOf("add_prefix_space", otherwise: true);
                break;
            case "Replace" when !IsByteLevel && decoder.Need("pattern").TextOf("String") == Mark
                && decoder.Need("content").Text() == " ":
                break;
            case "Strip" when !IsByteLevel && decoder.Need("content").Text() == " "
                && decoder.Need("start").Whole() is 0 or 1 && decoder.Need("stop").Whole() == 0:
                DropsFirstSpace |= decoder.Need("start").Whole() == 1;
                break;
            default:
                throw decoder.Unsupported(IsByteLevel ? "'ByteLevel'" : "what undoes 'Metaspace' and byte fallback");
        }
    }
}
