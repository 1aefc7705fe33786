using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>
/// Reads <c>tokenizer.json</c>, the form of Hugging Face's tokenizers library: a list of stages by type name. A stage
/// that is not known is refused, never left out.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">It contradicts itself, the settings or the embedding.</exception>
    /// <exception cref="NotSupportedException">A stage is of a type that is not read here.</exception>
    public static TokenizerParts Read(string path, TokenizerSettings settings, int vocabularySize)
    {
        JsonSection root = JsonSection.Read(path);
        JsonSection model = root.Need("model");
        string type = TypeOf(model);
        JsonStages stages = JsonStages.Read(root, settings);
        TokenTables tables;
        TokenizerParts parts;
        switch (type)
        {
            case "BPE":
                tables = ReadTokens(root, model, vocabularySize);
                tables.Complete(settings);
                parts = stages.IsByteLevel ? ByteLevelParts(model, tables) : CodePointParts(model, tables, stages);
                break;
            case "Unigram":
                (tables, Dictionary<int, double> scores) = JsonUnigram.ReadTokens(model, vocabularySize);
                AddTokens(root, tables);
                tables.Complete(settings);
                parts = JsonUnigram.Parts(model, tables, stages, scores);
                break;
            default:
                throw (model.Find("type") ?? model).Unsupported("'BPE' and 'Unigram'");
        }
        (IReadOnlyList<int> prologue, IReadOnlyList<int> epilogue) = PostProcessor.Read(root, tables.Vocabulary);
        (prologue, epilogue) = settings.Ends(tables.Vocabulary, prologue, epilogue);
        IReadOnlyList<AddedToken> added = Placed(parts.Added, stages.Normalizers, settings, root.File);
        return parts with
        {
            Added = added,
            LeftOut = tables.LeftOut,
            FormerRules = settings.FormerRules,
            Normalizers = stages.Normalizers,
            Markers = stages.Markers,
            Splitters = stages.Splitters,
            Prologue = prologue,
            Epilogue = epilogue,
        };
    }

    // Where all normalizers leave the tokens, as NFC leaves GPT-NeoX's runs of spaces, both texts are one. Special
    // tokens are markup of this library's own and never normalized.
    private static IReadOnlyList<AddedToken> Placed(IReadOnlyList<AddedToken> added,
        IReadOnlyList<Normalizer> normalizers, TokenizerSettings settings, string file)
    {
        static bool IsMoved(AddedToken token) => token.IsNormalized && !token.Special;
        bool IsLeft(AddedToken token) => normalizers.All(normalizer => normalizer.Leaves(token.Content));
        if (added.FirstOrDefault(token => IsMoved(token) && !IsLeft(token)) is not { } first || settings.IsFormer(4,
            $"{file}: added token {FileText.Quote(first.Content)}: 'normalized' is true: it is found in the text as "
            + "written all the same, today in the normalized text"))
            return added;
        return [.. added.Select(token => IsMoved(token) ? token with { Pattern = Normalized(token.Content) } : token)];

        string Normalized(string content) => normalizers.Aggregate(
            content, (text, normalizer) => normalizer.Apply(text, TextPlace.Opening, alignment: null));
    }

    private static TokenizerParts ByteLevelParts(JsonSection model, TokenTables tables)
    {
        var symbols = new ByteSymbols(tables.TextTokens(), Unknown(model, tables));
        return new TokenizerParts
        {
            Kind = ByteAlphabet.Kind,
            Tokens = tables.Vocabulary.All(),
            Added = tables.Added,
            Model = new BytePairModel(symbols, ReadMerges(model, tables),
                model.FlagOf("ignore_merges", otherwise: false)),
            Decoder = new TokenDecoder(tables.TextBytes(ByteAlphabet.BytesOf), wordBegins: null),
        };
    }

    // The form in which SentencePiece's vocabularies come: Llama 2, Mistral, Gemma.
    private static TokenizerParts CodePointParts(JsonSection model, TokenTables tables, JsonStages stages)
    {
        bool hasBytes = model.FlagOf("byte_fallback", otherwise: false);
        var symbols = new CodePointSymbols(tables.TextTokens(),
            hasBytes ? SentencePieceVocabulary.ByteIds(tables, mayLack: true) : null, Unknown(model, tables));
        byte[][] bytes = tables.TextBytes(
            hasBytes ? SentencePieceVocabulary.BytesOfWithFallback : SentencePieceVocabulary.BytesOf);
        return new TokenizerParts
        {
            Kind = SentencePieceVocabulary.BytePairKind,
            Tokens = tables.Vocabulary.All(),
            Added = tables.Added,
            Model = new BytePairModel(symbols, ReadMerges(model, tables),
                model.FlagOf("ignore_merges", otherwise: false)),
            Decoder = new TokenDecoder(bytes, stages.DropsFirstSpace
                ? SentencePieceVocabulary.WordBegins(tables.Vocabulary) : null),
        };
    }

    // Files of GPT-2's time do not name the type; only BPE has merges.
    private static string TypeOf(JsonSection model) =>
        model.TextOf("type") ?? (model.Find("merges") is null ? throw model.Wrong("a 'type'") : "BPE");

    private static TokenTables ReadTokens(JsonSection root, JsonSection model, int vocabularySize)
    {
        JsonSection vocabulary = model.Need("vocab");
        if (vocabulary.Element.ValueKind != JsonValueKind.Object)
            throw vocabulary.Wrong("an object");
        var tables = new TokenTables(root.File, vocabularySize, vocabulary.Element.GetPropertyCount());
        // Some files have their added tokens in both lists.
        HashSet<string> added =
            [.. (root.Find("added_tokens")?.Items() ?? []).Select(entry => entry.Need("content").Text())];
        foreach ((string token, JsonSection id) in vocabulary.Fields())
        {
            if (tables.Vocabulary.HasNoRow(id.Whole()) && added.Contains(token))
                tables.LeaveOut(token, id.Whole());
            else
                tables.Vocabulary.Add(token, id.Whole(), root.File);
        }
        AddTokens(root, tables);
        return tables;
    }

    private static void AddTokens(JsonSection root, TokenTables tables)
    {
        foreach (JsonSection entry in root.Find("added_tokens")?.Items() ?? [])
        {
            string content = entry.Need("content").Text();
            long id = entry.Need("id").Whole();
            tables.AddListed(
                (content, id, $"{root.File}: '{entry.Path}'"), () => AddedToken.Read(entry, content, (int)id));
        }
    }

    private static UnknownToken Unknown(JsonSection model, TokenTables tables)
    {
        foreach (string key in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.Find(key) is { } affix && affix.Text().Length > 0)
                throw affix.Unsupported("none");
        }
        if (model.Find("dropout") is { } dropout && dropout.Number() != 0)
            throw dropout.Unsupported("none");
        string? unknown = model.TextOf("unk_token");
        if (string.IsNullOrEmpty(unknown))
            return default;
        int id = tables.Vocabulary.IdOf(unknown) ?? throw model.Need("unk_token").Wrong("a token of the vocabulary");
        return new UnknownToken(id, model.FlagOf("fuse_unk", otherwise: false));
    }

    private static List<PairMerge> ReadMerges(JsonSection model, TokenTables tables)
    {
        JsonSection list = model.Need("merges");
        var merges = new List<PairMerge>();
        string where = $"{list.File}: '{list.Path}'";
        int rank = 0;
        foreach (JsonSection item in list.Items())
        {
            (string left, string right) = item.Element.ValueKind == JsonValueKind.String
                ? VocabularyAndMerges.Parts(item.Text(), rank, where) : Pair(item);
            if (tables.Merge(left, right, rank, where) is { } merge)
                merges.Add(merge);
            rank++;
        }
        return merges;
    }

    private static (string Left, string Right) Pair(JsonSection item)
    {
        if (item.Element.ValueKind != JsonValueKind.Array || item.Element.GetArrayLength() != 2)
            throw item.Wrong("a merge: two tokens");
        JsonSection[] parts = item.Items().ToArray();
        return (parts[0].Text(), parts[1].Text());
    }
}
