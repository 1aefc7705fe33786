using System;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>Memory does not suffice for a row.</summary>
/// <param name="row">The row's place in the call.</param>
/// <param name="fault">What was thrown.</param>
internal sealed class PromptMemoryException(int row, Exception fault)
    : Exception(fault.Message, fault)
{
    /// <summary>
    /// The row's place in the call: the one that failed, or the longest of those that were worked on.
    /// </summary>
    public int Row => row;
}
