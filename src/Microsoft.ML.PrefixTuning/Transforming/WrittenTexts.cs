using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>From written ids to what a reader gets.</summary>
internal static class WrittenTexts
{
    /// <summary>The text of a sequence, without its end token, its stop string and what follows them.</summary>
    public static string Of(GeneratedSequence sequence, ITextEngine engine, Stops stops)
    {
        ReadOnlySpan<int> ids = sequence.Ids;
        int end = ids.IndexOfAny(engine.EndIds.ToArray());
        return stops.Cut(engine.Tokenizer.Decode(end < 0 ? ids : ids[..end]));
    }
}
