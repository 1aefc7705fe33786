using System;
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

    /// <summary>One a value of a column.</summary>
    /// <exception cref="ArgumentException">There is no prefix, or no column.</exception>
    public static PrefixesByValue ByColumn(IReadOnlyDictionary<string, Prefix> prefixes, string attributeColumnName,
        Prefix? forOthers)
    {
        ArgumentNullException.ThrowIfNull(prefixes);
        ArgumentException.ThrowIfNullOrEmpty(attributeColumnName);
        return prefixes.Count > 0 ? new PrefixesByValue(Copied(prefixes), forOthers)
            : throw new ArgumentException("Expected at least one prefix, found none.", nameof(prefixes));
    }

    /// <summary>Some by the names that requests give; a request that gives none has the base by itself.</summary>
    /// <param name="prefixes">Null for none.</param>
    /// <exception cref="ArgumentNullException">A prefix is null.</exception>
    public static PrefixesByValue ByName(IReadOnlyDictionary<string, Prefix>? prefixes) =>
        new(Copied(prefixes ?? ReadOnlyDictionary<string, Prefix>.Empty), ForOthers: null);

    private static Dictionary<string, Prefix> Copied(IReadOnlyDictionary<string, Prefix> prefixes)
    {
        foreach ((string name, Prefix prefix) in prefixes)
            ArgumentNullException.ThrowIfNull(prefix, $"{nameof(prefixes)}[\"{name}\"]");
        return new Dictionary<string, Prefix>(prefixes, StringComparer.Ordinal);
    }
}
