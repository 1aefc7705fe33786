using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>What a checkpoint holds for a model, found without reading a value.</summary>
/// <param name="Places">Wanted names that are there, and the names under which they are stored.</param>
/// <param name="Ignored">Tensors that mean nothing to the model: known buffers and empty ones.</param>
internal sealed record FoundWeights(IReadOnlyDictionary<string, string> Places, IReadOnlyList<string> Ignored);

/// <summary>Compares a model's <see cref="WeightList"/> with a checkpoint.</summary>
/// <param name="names">Roots of names, buffers, and who asks for the tensors.</param>
/// <param name="source">The checkpoint.</param>
internal sealed class WeightCheck(TensorNames names, ITensorSource source)
{
    private const int MostFaults = 20;

    private readonly List<string> _faults = [];
    private readonly Dictionary<string, string> _places = new(StringComparer.Ordinal);

    /// <summary>Finds every tensor of a list.</summary>
    /// <param name="list">What the model asks for.</param>
    /// <exception cref="FormatException">
    /// A tensor is missing, surplus, or of another shape or type; up to 20 are named.
    /// </exception>
    public FoundWeights Find(IEnumerable<WantedTensor> list)
    {
        foreach (WantedTensor wanted in list)
        {
            Check(wanted);
            // A wrong number of layers ends the walk at its first faults, whatever the number is.
            if (_faults.Count == MostFaults)
                break;
        }
        ThrowFaults();
        return new FoundWeights(_places, RefuseSurplus());
    }

    private void Check(WantedTensor wanted)
    {
        if (StoredName(wanted.Name) is not { } found)
        {
            if (!wanted.IsOptional)
                _faults.Add($"{source.Name}: tensor '{wanted.Name}' is missing.");
            return;
        }
        _places[wanted.Name] = found;
        TensorInfo info = source.Describe(found);
        long[] shape = wanted.MayBeRow && info.Shape.Length == 2 ? [1, .. wanted.Shape] : wanted.Shape;
        if (!info.IsFloating)
            _faults.Add($"{info.File}: tensor '{found}': expected a floating dtype, found {info.StoredType}.");
        else if (!info.Shape.AsSpan().SequenceEqual(shape))
        {
            _faults.Add($"{info.File}: tensor '{found}': expected shape [{string.Join(", ", shape)}],"
                + $" found [{string.Join(", ", info.Shape)}].");
        }
    }

    private string? StoredName(string name) =>
        names.Roots.Select(root => root + name).Append(name)
            .FirstOrDefault(stored => source.TensorNames.Contains(stored));

    private void ThrowFaults()
    {
        if (_faults.Count == 0)
            return;
        if (names.AskedBy is not null)
            _faults.Add($"{names.AskedBy} asks for these tensors.");
        throw new FormatException(string.Join(Environment.NewLine, _faults));
    }

    /// <summary>Refuses tensors that nobody asked for: half a model would be run.</summary>
    private IReadOnlyList<string> RefuseSurplus()
    {
        string[] unused = [.. source.TensorNames.Except(_places.Values).Order(StringComparer.Ordinal)];
        string[] surplus = [.. unused.Where(name => !IsWithoutMeaning(name))];
        if (surplus.Length == 0)
            return unused;
        throw new FormatException($"{source.Describe(surplus[0]).File}: tensor {FileText.Quote(surplus[0])}"
            + (surplus.Length > 1 ? $" and {surplus.Length - 1} more" : "")
            + $": expected none of that name for this {names.AskedBy ?? "config"} (number of layers, biases, head),"
            + " found one.");
    }

    private bool IsWithoutMeaning(string name) =>
        names.Buffers.Any(buffer => name.EndsWith(buffer, StringComparison.Ordinal))
        || source.Describe(name).Shape.Contains(0);
}
