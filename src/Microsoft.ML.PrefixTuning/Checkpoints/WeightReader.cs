using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// A place in a checkpoint from which weights are taken by name and shape. Without <c>readsValues</c> it only checks
/// and gathers faults; its results are then empty and not to be used.
/// </summary>
internal sealed class WeightReader
{
    private const int MostFaults = 20;

    private readonly ITensorSource _source;
    private readonly TensorNames _names;
    private readonly ScalarType _type;
    private readonly Device _device;
    private readonly bool _readsValues;
    private readonly string _place;
    private readonly State _state;

    public WeightReader(TensorNames names, ITensorSource source, ScalarType type, Device device, bool readsValues)
        : this(names, source, type, device, readsValues, "", new State())
    {
    }

    private WeightReader(TensorNames names, ITensorSource source, ScalarType type, Device device, bool readsValues,
        string place, State state)
    {
        (_names, _source, _type, _device, _readsValues, _place, _state) =
            (names, source, type, device, readsValues, place, state);
    }

    /// <summary>All tensors read so far, the caller's to dispose.</summary>
    public IReadOnlyList<Tensor> Owned => _state.Owned;

    /// <summary>More faults are not gathered.</summary>
    public bool IsFull => _state.Faults.Count >= MostFaults;

    /// <summary>The same reader below a place, such as <c>layers.3.</c>.</summary>
    public WeightReader At(string place) => new(_names, _source, _type, _device, _readsValues, _place + place, _state);

    /// <summary>A tensor of the model's type.</summary>
    public Tensor Matrix(string name, long[] shape) => Take(name, shape, _type);

    /// <summary>A linear map [output, input].</summary>
    public Linear Linear(string name, int output, int input, bool bias)
    {
        long[] shape = _names.Transposed ? [input, output] : [output, input];
        Tensor weight = Take($"{name}.weight", shape, _type);
        Tensor? offset = bias ? Take($"{name}.bias", [output], _type) : null;
        return new Linear(_names.Transposed && _readsValues ? Own(weight.t()) : weight, offset);
    }

    /// <summary>A norm over <paramref name="size"/> elements.</summary>
    public Norm Norm(string name, int size, NormSpec spec)
    {
        Tensor weight = Take($"{name}.weight", [size], ScalarType.Float32);
        if (spec.Kind == NormKind.RootMeanSquareOfOnePlus && _readsValues)
            weight = Own(weight.Plus(Scalars.One));
        return new Norm(weight, spec.Kind == NormKind.Layer ? Take($"{name}.bias", [size], ScalarType.Float32) : null);
    }

    /// <summary>Queries, keys and values that lie in one matrix, as three maps over its rows.</summary>
    public (Linear Query, Linear Key, Linear Value) Fused(Fused fused, HeadShape heads, int width, bool bias)
    {
        int all = heads.Count * heads.Size, shared = heads.KeyValueCount * heads.Size, rows = all + 2 * shared;
        Linear whole = Linear(fused.Name, rows, width, bias);
        if (!_readsValues)
            return (whole, whole, whole);
        if (fused.Layout == FusedLayout.PerHead)
        {
            // [H, 3, D, E] to [3, H, D, E]; the copy that regroups takes the place of the original.
            using Tensor original = whole.Weight;
            whole = new Linear(Own(Regroup(original, heads, width)),
                whole.Bias is null ? null : Own(Regroup(whole.Bias, heads)));
        }
        return (Rows(whole, 0, all), Rows(whole, all, shared), Rows(whole, all + shared, shared));
    }

    /// <summary>A bias over the vocabulary, stored [n] or [1, n]; zero where it is absent.</summary>
    public Tensor? OptionalBias(string name, int size)
    {
        if (Find(name) is not { } found)
            return null;
        if (_source.Describe(found).Shape.Length != 2)
            return Take(name, [size], _type);
        Tensor row = Take(name, [1, size], _type);
        return _readsValues ? Own(row.view(-1)) : row;
    }

    /// <summary>Copies of a tensor under other names are passed over if they are equal, refused if not.</summary>
    public void Copies(IEnumerable<string> names, Tensor original, long[] shape)
    {
        foreach (string name in names)
        {
            if (Find(name) is null)
                continue;
            Tensor copy = Take(name, shape, _type, owned: false);
            if (!_readsValues)
                continue;
            using (copy)
            {
                using Tensor equal = copy.eq(original), all = equal.all();
                if (!all.item<bool>())
                    throw new FormatException(
                        $"{FileOf(name)}: tensor '{name}': expected a copy of '{_names.Embedding}'"
                            + " (tie_word_embeddings), found other values.");
            }
        }
    }

    /// <summary>Refuses what was found wrong.</summary>
    /// <exception cref="FormatException">Something is missing or has another shape or type.</exception>
    public void ThrowFaults()
    {
        if (_state.Faults.Count == 0)
            return;
        if (_names.AskedBy is not null)
            _state.Faults.Add($"{_names.AskedBy} asks for these tensors.");
        throw new FormatException(string.Join(Environment.NewLine, _state.Faults));
    }

    /// <summary>Refuses tensors that nobody asked for: half a model would be run.</summary>
    /// <returns>Those that mean nothing: known buffers and empty tensors.</returns>
    /// <exception cref="FormatException">There are others.</exception>
    public IReadOnlyList<string> RefuseSurplus()
    {
        string[] unused =
            [.. _source.TensorNames.Where(name => !_state.Taken.Contains(name)).Order(StringComparer.Ordinal)];
        string[] surplus = [.. unused.Where(name => !MeansNothing(name))];
        if (surplus.Length == 0)
            return unused;
        throw new FormatException($"{_source.Describe(surplus[0]).File}: tensor {FileText.Quote(surplus[0])}"
            + (surplus.Length > 1 ? $" and {surplus.Length - 1} more" : "")
            + $": expected none of that name for this {_names.AskedBy ?? "config"} (number of layers, biases, head),"
            + " found one.");
    }

    /// <summary>Frees what was read, after a failure.</summary>
    public void DisposeOwned()
    {
        foreach (Tensor tensor in _state.Owned)
            tensor.Dispose();
    }

    private Tensor Take(string name, long[] shape, ScalarType type, bool owned = true)
    {
        string full = _place + name;
        if (Find(name) is not { } found)
            return Fault($"{_source.Name}: tensor '{full}' is missing.");
        _state.Taken.Add(found);
        TensorInfo info = _source.Describe(found);
        if (!info.IsFloating)
            return Fault($"{info.File}: tensor '{found}': expected a floating dtype, found {info.StoredType}.");
        if (!info.Shape.AsSpan().SequenceEqual(shape))
            return Fault(
                $"{info.File}: tensor '{found}': expected shape [{string.Join(", ", shape)}], found [{string.Join(", ", info.Shape)}].");
        if (!_readsValues)
            return null!;
        Tensor tensor = _source.Read(found, type);
        if (!_source.RefusesNonFinite && !FiniteCheck.AllFinite(tensor))
        {
            tensor.Dispose();
            throw new FormatException(
                $"{info.File}: tensor '{found}': expected finite values, found NaN or infinity (not finite).");
        }
        if (_device.type != TorchSharp.DeviceType.CPU)
            tensor = tensor.to(_device, disposeAfter: true);
        return owned ? Own(tensor) : tensor;
    }

    private bool MeansNothing(string name) =>
        _names.Buffers.Any(buffer => name.EndsWith(buffer, StringComparison.Ordinal))
            || _source.Describe(name).Shape.Contains(0);

    private Tensor Fault(string fault)
    {
        if (!IsFull)
            _state.Faults.Add(fault);
        return null!;
    }

    private string? Find(string name)
    {
        string full = _place + name;
        foreach (string root in _names.Roots)
        {
            if (_source.TensorNames.Contains(root + full))
                return root + full;
        }
        return _source.TensorNames.Contains(full) ? full : null;
    }

    private string FileOf(string name) => _source.Describe(Find(name)!).File;

    private Tensor Own(Tensor tensor)
    {
        if (!_readsValues)
            return tensor;
        _state.Owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    private Linear Rows(Linear whole, long start, long count) =>
        new(Own(whole.Weight.narrow(0, start, count)), whole.Bias is null ? null
            : Own(whole.Bias.narrow(0, start, count)));

    private static Tensor Regroup(Tensor rows, HeadShape heads, params long[] width)
    {
        using Tensor perHead = rows.view([heads.Count, 3, heads.Size, .. width]), perPart = perHead.transpose(0, 1);
        return perPart.reshape([-1, .. width]);
    }

    private sealed class State
    {
        public List<Tensor> Owned { get; } = [];

        public List<string> Faults { get; } = [];

        public HashSet<string> Taken { get; } = new(StringComparer.Ordinal);
    }
}
