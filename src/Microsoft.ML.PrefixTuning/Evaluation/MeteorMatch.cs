using System;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>How two words match.</summary>
internal enum MeteorModule
{
    /// <summary>They are equal.</summary>
    Exact,

    /// <summary>Their stems are equal.</summary>
    Stem,

    /// <summary>They share a sense.</summary>
    Synonym,
}

/// <summary>A word of the output that stands for a word of the reference.</summary>
/// <param name="Module">How they match.</param>
/// <param name="Output">Place in the output.</param>
/// <param name="Reference">Place in the reference.</param>
internal readonly record struct MeteorMatch(MeteorModule Module, int Output, int Reference)
{
    /// <summary>How far apart the two places are.</summary>
    public int Distance => Math.Abs(Output - Reference);
}
