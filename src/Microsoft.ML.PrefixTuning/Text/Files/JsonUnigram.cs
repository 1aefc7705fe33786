using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>The model <c>Unigram</c> of a <c>tokenizer.json</c>, in the form in which T5's checkpoints come.</summary>
internal static class JsonUnigram
{
    /// <summary>Reads the tokens and their scores by id.</summary>
    /// <exception cref="FormatException">A token stands twice, lies outside the embedding, or has no score.</exception>
    public static (TokenTables Tables, Dictionary<int, double> Scores) ReadTokens(JsonSection model, int vocabularySize)
    {
        var tables = new TokenTables(model.File, vocabularySize, expected: 0);
        var scores = new Dictionary<int, double>();
        foreach (JsonSection item in model.Need("vocab").Items())
        {
            JsonSection[] pair = item.Items().ToArray();
            if (pair.Length != 2 || pair[0].Text().Length == 0)
                throw item.Wrong("a token and its score");
            int id = scores.Count;
            tables.Vocabulary.Add(pair[0].Text(), id);
            scores.Add(id, pair[1].Number());
        }
        return (tables, scores);
    }

    /// <summary>The model and the decoder.</summary>
    /// <exception cref="FormatException">There is no unknown token, or no token that is text.</exception>
    /// <exception cref="NotSupportedException">Words are not marked as SentencePiece marks them.</exception>
    public static TokenizerParts Parts(JsonSection model, TokenTables tables, JsonStages stages,
        Dictionary<int, double> scores)
    {
        if (!stages.MarksWords)
            throw new NotSupportedException(
                $"{model.File}: 'pre_tokenizer': for the model 'Unigram' supported is 'Metaspace', found another or"
                    + " none.");
        JsonSection unknown = model.Need("unk_id");
        if (unknown.Whole() is not (>= 0 and var unknownId) || unknownId >= scores.Count)
            throw unknown.Wrong($"an id from 0 to {scores.Count - 1}");
        tables.ExcludeFromText((int)unknownId);
        Dictionary<string, int> tokens = tables.TextTokens();
        foreach (AddedToken added in tables.Added)
            tokens.Remove(added.Content);
        if (tokens.Count == 0)
            throw model.Need("vocab").Wrong("tokens that are text");

        bool hasBytes = model.FlagOf("byte_fallback", otherwise: false);
        byte[][] bytes = tables.TextBytes(
            hasBytes ? SentencePieceVocabulary.BytesOfWithFallback : SentencePieceVocabulary.BytesOf);
        return new TokenizerParts
        {
            Kind = SentencePieceVocabulary.UnigramKind,
            Tokens = tables.Vocabulary.All(),
            Added = tables.Added,
            Model = new UnigramModel(tokens, scores, (int)unknownId,
                hasBytes ? SentencePieceVocabulary.ByteIds(tables, mayLack: true) : null, isRounded: false),
            Decoder = new TokenDecoder(bytes, stages.DropsFirstSpace
                ? SentencePieceVocabulary.WordBegins(tables.Vocabulary) : null),
        };
    }
}
