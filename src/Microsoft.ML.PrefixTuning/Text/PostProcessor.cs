using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The post-processor of a <c>tokenizer.json</c>: which ids it puts around a text.</summary>
internal static class PostProcessor
{
    private const string OneText = "the sequence 'A' once, with special tokens around it";

    /// <summary>Reads the ids in front and behind.</summary>
    /// <exception cref="FormatException">A token is not in the vocabulary, or has another id there.</exception>
    /// <exception cref="NotSupportedException">The post-processor is of a type that is not read here.</exception>
    public static (IReadOnlyList<int> Prologue, IReadOnlyList<int> Epilogue) Read(JsonSection root,
        Vocabulary vocabulary)
    {
        var prologue = new List<int>();
        var epilogue = new List<int>();
        if (root.Find("post_processor") is { } processor)
            Read(processor, vocabulary, prologue, epilogue);
        return (prologue, epilogue);
    }

    private static void Read(JsonSection processor, Vocabulary vocabulary, List<int> prologue, List<int> epilogue)
    {
        JsonSection type = processor.Need("type");
        switch (type.Text())
        {
            case "Sequence":
                foreach (JsonSection inner in processor.Need("processors").Items())
                    Read(inner, vocabulary, prologue, epilogue);
                break;
            case "ByteLevel":
                // Trims offsets, which nothing here asks for.
                break;
            case "TemplateProcessing":
                ReadTemplate(processor, vocabulary, prologue, epilogue);
                break;
            case "RobertaProcessing" or "BertProcessing":
                prologue.Add(IdOfPair(processor.Need("cls"), vocabulary));
                epilogue.Add(IdOfPair(processor.Need("sep"), vocabulary));
                break;
            default:
                throw type.Unsupported(
                    "'Sequence', 'ByteLevel', 'TemplateProcessing', 'RobertaProcessing' and 'BertProcessing'");
        }
    }

    private static void ReadTemplate(JsonSection processor, Vocabulary vocabulary, List<int> prologue,
        List<int> epilogue)
    {
        JsonSection template = processor.Need("single");
        JsonSection? special = processor.Find("special_tokens");
        bool behind = false;
        foreach (JsonSection item in template.Items())
        {
            if (item.Find("Sequence") is { } sequence)
            {
                if (behind || sequence.Need("id").Text() != "A")
                    throw template.Unsupported(OneText);
                behind = true;
            }
            else
            {
                JsonSection token = item.Need("SpecialToken").Need("id");
                int id = IdOf(token, vocabulary);
                if (special?.Find(token.Text())?.Find("ids") is { } ids)
                    CheckIds(ids, ids.Items(), token, id);
                (behind ? epilogue : prologue).Add(id);
            }
        }
        if (!behind)
            throw template.Unsupported(OneText);
    }

    // A token and its id.
    private static int IdOfPair(JsonSection pair, Vocabulary vocabulary)
    {
        JsonSection[] parts = [.. pair.Items()];
        if (parts.Length != 2)
            throw pair.Wrong("a token and its id");
        int id = IdOf(parts[0], vocabulary);
        CheckIds(pair, parts.Skip(1), parts[0], id);
        return id;
    }

    private static int IdOf(JsonSection token, Vocabulary vocabulary) =>
        vocabulary.IdOf(token.Text()) ?? throw token.Wrong("a token of the vocabulary");

    // The reference takes the ids that stand here, which a vocabulary that was changed since may give to others.
    private static void CheckIds(JsonSection place, IEnumerable<JsonSection> ids, JsonSection token, int id)
    {
        if (!ids.Select(one => one.Whole()).SequenceEqual([id]))
            throw place.Wrong($"the id of {FileText.Quote(token.Text())} in the vocabulary, {id}");
    }
}
