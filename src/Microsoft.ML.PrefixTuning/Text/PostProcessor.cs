using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The post-processor of a <c>tokenizer.json</c>: which ids it puts around a text.</summary>
internal static class PostProcessor
{
    private const string OneText = "the sequence 'A' once, with special tokens around it";

    /// <summary>Reads the ids in front and behind.</summary>
    /// <exception cref="FormatException">A token is not in the vocabulary.</exception>
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
                ReadTemplate(processor.Need("single"), vocabulary, prologue, epilogue);
                break;
            case "RobertaProcessing" or "BertProcessing":
                prologue.Add(IdOf(First(processor.Need("cls")), vocabulary));
                epilogue.Add(IdOf(First(processor.Need("sep")), vocabulary));
                break;
            default:
                throw type.Unsupported(
                    "'Sequence', 'ByteLevel', 'TemplateProcessing', 'RobertaProcessing' and 'BertProcessing'");
        }
    }

    private static void ReadTemplate(JsonSection template, Vocabulary vocabulary, List<int> prologue,
        List<int> epilogue)
    {
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
                (behind ? epilogue : prologue).Add(IdOf(item.Need("SpecialToken").Need("id"), vocabulary));
        }
        if (!behind)
            throw template.Unsupported(OneText);
    }

    private static JsonSection First(JsonSection pair)
    {
        foreach (JsonSection item in pair.Items())
            return item;
        throw pair.Wrong("a token and its id");
    }

    private static int IdOf(JsonSection token, Vocabulary vocabulary) =>
        vocabulary.IdOf(token.Text()) ?? throw token.Wrong("a token of the vocabulary");
}
