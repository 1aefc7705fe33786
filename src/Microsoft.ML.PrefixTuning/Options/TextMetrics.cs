using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Measures of generated texts, to choose from.</summary>
[Flags]
public enum TextMetrics
{
    /// <summary>None: counts and lengths alone.</summary>
    None = 0,

    /// <summary><see cref="TextGenerationMetrics.Bleu"/> and its parts.</summary>
    Bleu = 1,

    /// <summary><see cref="TextGenerationMetrics.Nist"/>.</summary>
    Nist = 1 << 1,

    /// <summary><see cref="TextGenerationMetrics.Meteor"/>, the dearest one on long texts after TER.</summary>
    Meteor = 1 << 2,

    /// <summary><see cref="TextGenerationMetrics.Rouge1"/>, ROUGE-2, ROUGE-L and ROUGE-Lsum.</summary>
    Rouge = 1 << 3,

    /// <summary><see cref="TextGenerationMetrics.Cider"/>.</summary>
    Cider = 1 << 4,

    /// <summary>
    /// <see cref="TextGenerationMetrics.ChrF"/> and <see cref="TextGenerationMetrics.ChrFPlusPlus"/>.
    /// </summary>
    ChrF = 1 << 5,

    /// <summary><see cref="TextGenerationMetrics.Ter"/>.</summary>
    Ter = 1 << 6,

    /// <summary><see cref="TextGenerationMetrics.ExactMatch"/>.</summary>
    ExactMatch = 1 << 7,

    /// <summary><see cref="TextGenerationMetrics.E2E"/>, and of the others those that it holds.</summary>
    E2E = 1 << 8,

    /// <summary><see cref="TextGenerationMetrics.WebNlg"/>, and of the others those that it holds.</summary>
    WebNlg = 1 << 9,

    /// <summary>All of them.</summary>
    All = (1 << 10) - 1,
}
