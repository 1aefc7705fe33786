using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>The precisions in which a base writes, by their names on the command line.</summary>
internal static class BaseForms
{
    private static readonly Dictionary<string, BaseForm> Forms = new(StringComparer.OrdinalIgnoreCase)
    {
        ["float32"] = ScalarType.Float32,
        ["bfloat16"] = ScalarType.BFloat16,
        ["int8"] = new(ScalarType.Float32, MatrixForm.Int8),
        ["int4"] = new(ScalarType.Float32, MatrixForm.Int4),
    };

    /// <summary>The precisions that are named, or all.</summary>
    public static IEnumerable<(string Name, BaseForm Form)> Of(IReadOnlyCollection<string> names)
    {
        foreach (string name in names.Count == 0 ? Forms.Keys : names)
        {
            yield return Forms.TryGetValue(name, out BaseForm form) ? (name, form)
                : throw new ArgumentException($"Precision: expected {string.Join(", ", Forms.Keys)}, found '{name}'.");
        }
    }
}
