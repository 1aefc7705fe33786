using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>
/// Golden folders that the library cannot do yet, in one place. Must shrink to nothing; does not apply to folders that
/// a variable names.
/// </summary>
internal static class KnownFamilies
{
    public static IReadOnlyCollection<string> NotYet { get; } = [];
}
