namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>Which base something was made for.</summary>
internal interface IBaseIdentity
{
    /// <summary>The model in a few words, for messages.</summary>
    string Summary { get; }

    /// <summary>SHA-256 over names, types, shapes and bytes of all tensors, hexadecimal.</summary>
    string Weights { get; }

    /// <summary>What of a base that was found is not as it should be, as text; null where all is.</summary>
    /// <param name="spec">What its config means.</param>
    /// <param name="weights">SHA-256 of its tensors, as <see cref="Weights"/>.</param>
    /// <exception cref="System.NotSupportedException">It cannot be compared, for it is of a later kind.</exception>
    string? Difference(TransformerSpec spec, string weights);
}
