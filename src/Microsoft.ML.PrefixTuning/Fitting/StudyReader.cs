using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>How a base reads a document that it studies: in parts, each once.</summary>
internal sealed class StudyReader
{
    private readonly FrozenBase _frozen;
    private readonly SelfStudyOptions _options;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly RowEncoder _encoder;
    private readonly string _document;

    /// <summary>Checks the options against the base.</summary>
    /// <param name="frozen">The base; stays the caller's.</param>
    /// <param name="options">How it is studied.</param>
    /// <param name="document">What is.</param>
    /// <exception cref="NotSupportedException">The base is an encoder-decoder model.</exception>
    /// <exception cref="ArgumentException">
    /// A part with a question and its answer is longer than the base's context.
    /// </exception>
    public StudyReader(FrozenBase frozen, SelfStudyOptions options, string document)
    {
        (_frozen, _options, _tokenizer) = (frozen, options, frozen.Tokenizer);
        _document = document.ReplaceLineEndings("\n");
        string template = options.Template ?? RowEncoder.DefaultTemplate(frozen.Model.Spec);
        _encoder = new RowEncoder(_tokenizer, frozen.Model.Spec, template, "", default);
        Template = InputPlaceholder.Cut(template).From;
        int context = frozen.Model.Spec.ContextLength;
        if (frozen.Model.Spec.IsEncoderDecoder)
        {
            throw new NotSupportedException($"SelfStudy.Write: expected a decoder-only base, which goes on behind a"
                + $" text, found '{frozen.Path}' ({frozen.Model.Spec.Family}): write questions and answers yourself.");
        }
        int around = Opening + Behind(), part = options.TokensPerPart;
        // No part of a document is longer than all of it.
        if (around + part > context)
            part = Math.Min(part, _tokenizer.Encode(_document).Length);
        Columns = around + part;
        if (Columns > context)
        {
            throw new ArgumentException($"TokensPerPart: expected at most {Math.Max(0, context - around)},"
                + $" so that a part, a question and an answer fit the base's context of {context}, found"
                + $" {options.TokensPerPart}.", nameof(options));
        }
    }

    /// <summary>Tokens of a part with all that may come behind it.</summary>
    public int Columns { get; }

    private int Opening => TextPrefix.Length(_frozen, []);

    /// <summary>The parts of the document, each with a line break at its end.</summary>
    public IReadOnlyList<string> Parts() =>
        [.. new DocumentParts(_options.TokensPerPart, text => _tokenizer.Encode(text).Length)
            .Cut(_document).Select(part => part.TrimEnd() + "\n\n")];

    /// <summary>The template of what comes behind a part: from its input on.</summary>
    public string Template { get; }

    /// <summary>The template up to its input, then a part, as a prefix.</summary>
    public Prefix Read(string part) =>
        TextPrefix.Read(_frozen, _encoder.Context(part, out _, out _), TrainingOptions.DefaultTokensPerPass);

    /// <summary>Tokens that may come behind a part: the longest prompt and what is written.</summary>
    private int Behind()
    {
        int asking = _options.SeedPrompts.Max(_encoder.PromptLength) + _options.MaxQuestionTokens;
        int answering = _encoder.PromptLength("") + _options.MaxQuestionTokens + _options.MaxAnswerTokens;
        // A line break behind a part, and tokens that a question has more of where it is read than where it is written.
        const int Margin = 8;
        return Math.Max(asking, answering) + Margin;
    }
}
