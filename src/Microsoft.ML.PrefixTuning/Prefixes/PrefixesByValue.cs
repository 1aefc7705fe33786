using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>Which prefix a row carries, as data. Immutable.</summary>
/// <param name="ByValue">The prefix of each value of the attribute column; empty where there is no such column.</param>
/// <param name="ForOthers">
/// The prefix of every other row. Null: without an attribute column the base writes by itself, with one such a row is
/// refused.
/// </param>
internal sealed record PrefixesByValue(IReadOnlyDictionary<string, Prefix> ByValue, Prefix? ForOthers)
{
    /// <summary>All prefixes.</summary>
    public IEnumerable<Prefix> All => ForOthers is null ? ByValue.Values : ByValue.Values.Append(ForOthers);

    /// <summary>One prefix, or none, for all rows.</summary>
    public static PrefixesByValue ForAll(Prefix? prefix) => new(ReadOnlyDictionary<string, Prefix>.Empty, prefix);
}
