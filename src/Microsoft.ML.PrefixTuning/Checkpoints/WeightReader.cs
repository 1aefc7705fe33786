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
/// <param name="Matrices">How matrices are kept.</param>
/// <param name="Space">Where stored rows are widened; null where all matrices are read wide.</param>
internal sealed record WeightForm(ScalarType Type, Device Device, bool Transposed, MatrixForm Matrices,
    WideSpace? Space)
{
    /// <summary>How matrices of all tokens are kept: what 4 bits take from them shows in every word.</summary>
    public MatrixForm OfTokens => Matrices == MatrixForm.Int4 ? MatrixForm.Int8 : Matrices;
}

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

    /// <summary>
    /// A matrix of all tokens, as it lies in the checkpoint. Copies of it under other names are passed over if they are
    /// equal, refused if not.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="copies">Names under which there may be a copy.</param>
    /// <exception cref="FormatException">A copy has other values.</exception>
    public FrozenMatrix Matrix(string name, params IEnumerable<string> copies) => Kept(_form.OfTokens, name, () =>
    {
        FrozenMatrix read = ReadMatrix(name);
        PassOver(copies, read, name);
        return [read];
    })[0];

    /// <summary>A linear map [output, input].</summary>
    public Linear Linear(string name, bool bias) =>
        new(Kept(_form.Matrices, WeightOf(name), () => [ReadWeight(name)])[0], Bias(name, bias));

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
        bool perHead = fused.Layout == FusedLayout.PerHead;
        int all = heads.Count * heads.Size, shared = heads.KeyValueCount * heads.Size;
        Linear[] maps = Parts(fused.Name, () => perHead ? PerHead(fused.Name, heads) : ReadWeight(fused.Name),
            Bias(fused.Name, bias) is { } whole ? perHead ? Own(Regroup(whole, heads)) : whole : null,
            (0, all), (all, shared), (all + shared, shared));
        return (maps[0], maps[1], maps[2]);
    }

    /// <summary>Two maps of equal size that lie in one matrix, as maps over its rows.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="rows">Rows of one.</param>
    /// <param name="bias">Whether they have a bias.</param>
    public (Linear First, Linear Second) Halves(string name, long rows, bool bias)
    {
        Linear[] maps = Parts(name, () => ReadWeight(name), Bias(name, bias), (0, rows), (rows, rows));
        return (maps[0], maps[1]);
    }

    /// <summary>A table of positions; a sinusoid that is absent is made.</summary>
    public Tensor Positions(string name, LearnedPositions positions, int width) =>
        !positions.IsSinusoid || _found.Places.ContainsKey(_place + name) ? Tensor(name)
            : Own(AlignedTensor.Of(Sinusoid.Table(positions.Capacity, width), [positions.Capacity, width],
                _form.Device, _form.Type));

    /// <summary>A bias over the vocabulary, stored [n] or [1, n]; null where it is absent.</summary>
    public Tensor? OptionalBias(string name)
    {
        if (!_found.Places.ContainsKey(_place + name))
            return null;
        Tensor bias = Tensor(name);
        return bias.Dimensions == 1 ? bias : Own(bias.view(-1));
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

    /// <summary>Reads matrices; where they are kept in fewer bits, what was read is freed.</summary>
    private FrozenMatrix[] Kept(MatrixForm form, string name, Func<FrozenMatrix[]> read)
    {
        int before = _owned.Count;
        FrozenMatrix[] matrices = read();
        if (form is MatrixForm.Wide or MatrixForm.AsStored)
            return matrices;
        int passing = _owned.Count - before;
        string weight = $"{_source.Describe(Place(name)).File}: tensor '{Place(name)}'";
        FrozenMatrix[] kept = Array.ConvertAll<FrozenMatrix, FrozenMatrix>(matrices, matrix =>
            form == MatrixForm.Int4 ? Int4Matrix.Of(weight, matrix, Own) : Int8Matrix.Of(weight, matrix, Own));
        foreach (Tensor tensor in _owned.GetRange(before, passing))
            tensor.Dispose();
        _owned.RemoveRange(before, passing);
        return kept;
    }

    private FrozenMatrix ReadMatrix(string name) => Stored(name) is { } stored ? stored
        : new WideMatrix(Own(Read(Place(name), _form.Type)));

    private FrozenMatrix ReadWeight(string name)
    {
        string weight = WeightOf(name);
        return _form.Transposed ? new WideMatrix(Own(Own(Read(Place(weight), _form.Type)).t()))
            : ReadMatrix(weight);
    }

    private static string WeightOf(string name) => $"{name}.weight";

    private Tensor? Bias(string name, bool isThere) => isThere ? Tensor($"{name}.bias") : null;

    private void PassOver(IEnumerable<string> copies, FrozenMatrix original, string of)
    {
        foreach (string name in copies)
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

    private StoredMatrix? Stored(string name)
    {
        Cancelling.CheckAlive();
        return _form.Space is { } space && _source.OpenRows(Place(name), _form.Type) is { } rows
            ? new StoredMatrix(rows, 0, rows.Rows, space) : null;
    }

    // [H, 3, D, E] to [3, H, D, E]; the copy that regroups takes the place of the original.
    private WideMatrix PerHead(string name, HeadShape heads)
    {
        using Tensor original = Read(Place(WeightOf(name)), _form.Type);
        return new WideMatrix(Own(Regroup(original, heads, original.size(1))));
    }

    private Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <summary>Maps over some rows each of one that is read.</summary>
    private Linear[] Parts(string name, Func<FrozenMatrix> read, Tensor? bias, params (long Start, long Count)[] parts)
    {
        FrozenMatrix[] matrices = Kept(_form.Matrices, WeightOf(name), () =>
        {
            FrozenMatrix whole = read();
            return Array.ConvertAll(parts, part => Slice(whole, part.Start, part.Count));
        });
        return [.. matrices.Zip(parts, (matrix, part) =>
            new Linear(matrix, bias is null ? null : Own(bias.narrow(0, part.Start, part.Count))))];
    }

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
