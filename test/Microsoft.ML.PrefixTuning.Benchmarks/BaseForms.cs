using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>The precisions in which a base trains and writes, by their names on the command line.</summary>
internal static class BaseForms
{
    private const string Stored = "asstored";

    private static readonly Dictionary<string, BaseForm> Forms = new(StringComparer.OrdinalIgnoreCase)
    {
        ["float32"] = ScalarType.Float32,
        ["bfloat16"] = ScalarType.BFloat16,
        ["int8"] = new(ScalarType.Float32, MatrixForm.Int8),
        ["int4"] = new(ScalarType.Float32, MatrixForm.Int4),
        [Stored] = new(ScalarType.Float32, MatrixForm.AsStored),
        [$"{Stored}-bfloat16"] = new(ScalarType.BFloat16, MatrixForm.AsStored),
    };

    /// <summary>The precision of a name.</summary>
    public static BaseForm Of(string name) => Forms.TryGetValue(name, out BaseForm form) ? form
        : throw new ArgumentException($"Precision: expected {string.Join(", ", Forms.Keys)}, found '{name}'.");

    /// <summary>The precisions that are named; without names all but those that widen the base a token.</summary>
    public static IEnumerable<(string Name, BaseForm Form)> Of(IReadOnlyCollection<string> names) =>
        (names.Count > 0 ? names : Forms.Keys.Where(name => !name.StartsWith(Stored, StringComparison.Ordinal)))
        .Select(name => (name, Of(name)));
}
