using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Gradients of the parts of a step, added up in the order of the parts: sums of floats depend on their order, and the
/// sum is to be the same to the last bit however many processes made them.
/// </summary>
/// <param name="leaves">What the gradients are of.</param>
/// <param name="workers">Who makes them; null for this process alone, which keeps no more than the sum.</param>
/// <param name="parts">Who makes which.</param>
internal sealed class GradientSum(IReadOnlyList<Tensor> leaves, TrainingWorkers? workers, SharedParts parts)
{
    // What travels at once, those of all workers together: memory does not grow with prefix and workers.
    private const int MostFloats = 16 << 20;

    private readonly Dictionary<int, float[]> _own = [];
    private Tensor[]? _sums;

    /// <summary>Takes the gradients of a part: alone, part after part.</summary>
    /// <param name="part">The part.</param>
    /// <param name="gradients">One a leaf, float32, in an inner dispose scope.</param>
    public void Take(int part, Tensor[] gradients)
    {
        using var noGradient = no_grad();
        if (workers is not null)
        {
            _own[part] = cat([.. gradients.Select(gradient => gradient.flatten())]).cpu().data<float>().ToArray();
            return;
        }
        if (_sums is null)
        {
            _sums = Array.ConvertAll(gradients, gradient => gradient.MoveToOuterDisposeScope());
            return;
        }
        for (int i = 0; i < gradients.Length; i++)
            _sums[i].PlusInPlace(gradients[i]);
    }

    /// <summary>The sums, one a leaf, in the caller's dispose scope; null where there is no part.</summary>
    public Tensor[]? Total()
    {
        if (workers is null || parts.Owners.Count == 0)
            return _sums;
        int size = checked((int)leaves.Sum(leaf => leaf.numel()));
        var total = new float[size];
        int most = Math.Clamp(MostFloats / (workers.Count * parts.Slots), 1, size);
        for (int start = 0; start < size; start += most)
            AddPiece(workers, total.AsSpan(start, Math.Min(most, size - start)), start);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor all = AlignedTensor.Of(total, [size], CPU);
        long[] sizes = [.. leaves.Select(leaf => leaf.numel())];
        return [.. all.split(sizes).Zip(leaves, (piece, leaf) =>
            piece.view(leaf.shape).to(leaf.device, copy: true).MoveToOuterDisposeScope())];
    }

    private void AddPiece(TrainingWorkers workers, Span<float> total, int start)
    {
        int length = total.Length;
        var own = new float[parts.Slots * length];
        foreach (int part in parts.Of(workers.Rank))
            _own[part].AsSpan(start, length).CopyTo(own.AsSpan(parts.Slot(part) * length));
        var all = new float[workers.Count * own.Length];
        workers.Gather(MemoryMarshal.AsBytes(own.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        for (int part = 0; part < parts.Owners.Count; part++)
        {
            Span<float> one = all.AsSpan(parts.Owners[part] * own.Length + parts.Slot(part) * length, length);
            // The first one as it is: 0 + -0 would be 0.
            if (part == 0)
                one.CopyTo(total);
            else
                Add(total, one);
        }
    }

    private static void Add(Span<float> sums, ReadOnlySpan<float> numbers)
    {
        Span<Vector<float>> wide = MemoryMarshal.Cast<float, Vector<float>>(sums);
        ReadOnlySpan<Vector<float>> others = MemoryMarshal.Cast<float, Vector<float>>(numbers);
        for (int i = 0; i < wide.Length; i++)
            wide[i] += others[i];
        for (int i = wide.Length * Vector<float>.Count; i < sums.Length; i++)
            sums[i] += numbers[i];
    }
}
