using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>How and where weights are kept.</summary>
/// <param name="Type">Type of linear maps and embeddings; norms are float32.</param>
/// <param name="Device">Where they go.</param>
/// <param name="Transposed">Linear maps are stored [in, out].</param>
/// <param name="Space">Where matrices that stay as they are stored are widened; null where all are read wide.</param>
internal sealed record WeightForm(ScalarType Type, Device Device, bool Transposed, WideSpace? Space);

/// <summary>
/// A place in a checkpoint from which weights are read by name; their shapes were checked before. Gathers what it
/// reads, so that one owner can free it.
/// </summary>
internal sealed class WeightReader
{
    private readonly ITensorSource _source;
    private readonly FoundWeights _found;
    private readonly WeightForm _form;
    private readonly string _place;
    private readonly List<Tensor> _owned;

    /// <summary>A reader at the root of the names.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="found">What it holds for the model.</param>
    /// <param name="form">Type and device of what is read.</param>
    public WeightReader(ITensorSource source, FoundWeights found, WeightForm form) : this(source, found, form, "", [])
    {
    }

    private WeightReader(ITensorSource source, FoundWeights found, WeightForm form, string place, List<Tensor> owned) =>
        (_source, _found, _form, _place, _owned) = (source, found, form, place, owned);

    /// <summary>All tensors read so far, the caller's to dispose.</summary>
    public IReadOnlyList<Tensor> Owned => _owned;

    /// <summary>The same reader below a place, such as <c>layers.3.</c>.</summary>
    public WeightReader At(string place) => new(_source, _found, _form, _place + place, _owned);

    /// <summary>A tensor of the model's type.</summary>
    public Tensor Tensor(string name) => Own(Read(Place(name), _form.Type));

    /// <summary>A matrix as it lies in the checkpoint.</summary>
    public FrozenMatrix Matrix(string name) =>
        Stored(name) is { } stored ? stored : new WideMatrix(Tensor(name));

    /// <summary>A linear map [output, input].</summary>
    public Linear Linear(string name, bool bias)
    {
        string weight = $"{name}.weight";
        return new Linear(_form.Transposed ? new WideMatrix(Own(Tensor(weight).t())) : Matrix(weight),
            bias ? Tensor($"{name}.bias") : null);
    }

    /// <summary>A norm.</summary>
    public Norm Norm(string name, NormSpec spec)
    {
        Tensor weight = Wide($"{name}.weight");
        if (spec.Kind == NormKind.RootMeanSquareOfOnePlus)
            weight = Own(weight.Plus(Scalars.One));
        return new Norm(weight, spec.Kind == NormKind.Layer ? Wide($"{name}.bias") : null);
    }

    /// <summary>Queries, keys and values that lie in one matrix, as three maps over its rows.</summary>
    public (Linear Query, Linear Key, Linear Value) Fused(Fused fused, HeadShape heads, bool bias)
    {
        int all = heads.Count * heads.Size, shared = heads.KeyValueCount * heads.Size;
        Linear whole = fused.Layout == FusedLayout.PerHead ? PerHead(fused.Name, heads, bias)
            : Linear(fused.Name, bias);
        return (Rows(whole, 0, all), Rows(whole, all, shared), Rows(whole, all + shared, shared));
    }

    /// <summary>Two maps of equal size that lie in one matrix, as maps over its rows.</summary>
    public (Linear First, Linear Second) Halves(string name, bool bias)
    {
        Linear whole = Linear(name, bias);
        long half = whole.Weight.Rows / 2;
        return (Rows(whole, 0, half), Rows(whole, half, half));
    }

    /// <summary>A table of positions; a sinusoid that is absent is made.</summary>
    public Tensor Positions(string name, LearnedPositions positions, int width) =>
        !positions.IsSinusoid || _found.Places.ContainsKey(_place + name) ? Tensor(name)
            : Own(tensor(Sinusoid.Table(positions.Capacity, width), [positions.Capacity, width], _form.Type,
                _form.Device));

    /// <summary>A bias over the vocabulary, stored [n] or [1, n]; null where it is absent.</summary>
    public Tensor? OptionalBias(string name)
    {
        if (!_found.Places.ContainsKey(_place + name))
            return null;
        Tensor bias = Tensor(name);
        return bias.Dimensions == 1 ? bias : Own(bias.view(-1));
    }

    /// <summary>Copies of a tensor under other names are passed over if they are equal, refused if not.</summary>
    /// <param name="names">Names under which there may be a copy.</param>
    /// <param name="original">The tensor.</param>
    /// <param name="of">Its name, for the message.</param>
    /// <exception cref="FormatException">One of them has other values.</exception>
    public void PassOverCopies(IEnumerable<string> names, FrozenMatrix original, string of)
    {
        foreach (string name in names)
        {
            if (!_found.Places.TryGetValue(_place + name, out string? stored))
                continue;
            using Tensor copy = Read(stored, _form.Type);
            original.ForEachBlock((start, block) =>
            {
                using Tensor same = copy.narrow(0, start, block.size(0)), equal = same.eq(block), all = equal.all();
                if (!all.item<bool>())
                    throw new FormatException($"{_source.Describe(stored).File}: tensor '{name}': expected a copy of"
                        + $" '{of}' (tie_word_embeddings), found other values.");
            });
        }
    }

    /// <summary>Numbers of some of the tensors together.</summary>
    /// <param name="names">Their names.</param>
    public long Count(IEnumerable<string> names) => names.Sum(name =>
        _source.Describe(_found.Places[name]).Shape.Aggregate(1L, (product, axis) => product * axis));

    /// <summary>Frees what was read, after a failure.</summary>
    public void DisposeOwned()
    {
        foreach (Tensor tensor in _owned)
            tensor.Dispose();
    }

    private Tensor Wide(string name) => Own(Read(Place(name), ScalarType.Float32));

    private string Place(string name) => _found.Places.TryGetValue(_place + name, out string? stored) ? stored
        : throw new UnreachableException($"Tensor '{_place + name}' is read but is not on the list of weights.");

    private Tensor Read(string stored, ScalarType type)
    {
        Cancelling.CheckAlive();
        Tensor tensor = _source.ReadFinite(stored, type);
        return _form.Device.type == TorchSharp.DeviceType.CPU ? tensor : tensor.to(_form.Device, disposeAfter: true);
    }

    private StoredMatrix? Stored(string name)
    {
        Cancelling.CheckAlive();
        return _form.Space is { } space && _source.OpenRows(Place(name), _form.Type) is { } rows
            ? new StoredMatrix(rows, 0, rows.Rows, space) : null;
    }

    // [H, 3, D, E] to [3, H, D, E]; the copy that regroups takes the place of the original.
    private Linear PerHead(string name, HeadShape heads, bool bias)
    {
        using Tensor original = Read(Place($"{name}.weight"), _form.Type);
        return new Linear(new WideMatrix(Own(Regroup(original, heads, original.size(1)))),
            bias ? Own(Regroup(Tensor($"{name}.bias"), heads)) : null);
    }

    private Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    private Linear Rows(Linear whole, long start, long count) =>
        new(Slice(whole.Weight, start, count), whole.Bias is null ? null
            : Own(whole.Bias.narrow(0, start, count)));

    private FrozenMatrix Slice(FrozenMatrix matrix, long start, long count)
    {
        FrozenMatrix slice = matrix.Slice(start, count);
        if (slice is WideMatrix wide)
            Own(wide.Tensor);
        return slice;
    }

    private static Tensor Regroup(Tensor rows, HeadShape heads, params long[] width)
    {
        using Tensor perHead = rows.view([heads.Count, 3, heads.Size, .. width]), perPart = perHead.transpose(0, 1);
        return perPart.reshape([-1, .. width]);
    }
}
