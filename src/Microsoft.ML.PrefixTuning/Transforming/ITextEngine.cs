using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// A base that is ready to write, whatever computes it: how its texts become tokens, what puts a prefix on it, and the
/// loop that writes. Owns its share of the base. Safe for concurrent use.
/// </summary>
internal interface ITextEngine : IDisposable
{
    /// <summary>What the base is called, for those who watch.</summary>
    string Name { get; }

    /// <summary>What the base is.</summary>
    TransformerSpec Spec { get; }

    /// <summary>Which base it is; hashed when it is first asked for.</summary>
    BaseIdentity Identity { get; }

    /// <summary>Makes tokens of texts and texts of tokens.</summary>
    PretrainedTokenizer Tokenizer { get; }

    /// <summary>Ids that end a text.</summary>
    IReadOnlyList<int> EndIds { get; }

    /// <summary>A prefix as rows of <see cref="OpenLoop"/> carry it, owned by the caller.</summary>
    /// <exception cref="InvalidOperationException">It was made for another base.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that this engine cannot put on its base.</exception>
    PrefixTensors Place(Prefix prefix);

    /// <summary>A loop over the base, which must stay alive meanwhile; owned by the caller.</summary>
    /// <param name="lanes">
    /// Rows that it works on at once at most, each beam or draw as one; a row that has more is worked on alone.
    /// </param>
    IDecodingLoop OpenLoop(int lanes);

    /// <summary>This base by other rules of texts; nothing of its own: it lives as long as this one.</summary>
    ITextEngine By(TextRules rules);

    /// <summary>Another share of the same base; this one must not be given back meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">It was given back already.</exception>
    ITextEngine Share();
}
